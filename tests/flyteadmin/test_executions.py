"""What executions do, seen through flytekit's own remote."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from flyteidl.core.catalog_pb2 import CatalogCacheStatus
from flyteidl.core.execution_pb2 import TaskExecution
from flytekit.models.core.execution import NodeExecutionPhase, WorkflowExecutionPhase
from flytekit.models.execution import Execution
from flytekit.remote import FlyteRemote

from tests.flyteadmin.conftest import SCENARIOS, FlyteAdminProcess, execution_id, finish, launch, s3_client

Finished = Callable[[str], Execution]


def node(remote: FlyteRemote, execution: str, node_id: str) -> Any:
    """Return a node execution's message."""
    nodes, _ = remote.client.list_node_executions(execution_id(execution), limit=100)
    return next(each for each in nodes if each.id.node_id == node_id)


def tasks(remote: FlyteRemote, execution: str, node_id: str) -> list[Any]:
    """Return a node's task executions, oldest first."""
    found, _ = remote.client.list_task_executions_paginated(node(remote, execution, node_id).id)
    return sorted(found, key=lambda each: each.id.retry_attempt)


def outputs(remote: FlyteRemote, name: str) -> Any:
    """Return an execution's outputs as flytekit presents them."""
    fetched = remote.fetch_execution(name=name)
    return remote.sync_execution(fetched, sync_nodes=True).outputs


def test_two_tasks(remote: FlyteRemote, finished: Finished) -> None:
    """Constants, collections, maps and attribute paths reach tasks; their environment is Flyte's own."""
    execution = finished("two-tasks")
    assert execution.closure.phase == WorkflowExecutionPhase.SUCCEEDED, execution.closure.error
    found = outputs(remote, "two-tasks")
    seen = found.get("o1", dict[str, str])
    assert (seen["label"], seen["x"], seen["execution"]) == ("a-b", "17", "two-tasks")
    assert seen["FROM_TASK_ENV"] == "given"
    assert seen["LEAKED"] == "absent"
    assert seen["OMP_NUM_THREADS"] == "1"
    assert seen["FLYTE_INTERNAL_TASK_NAME"] == "example.basics.surroundings"
    assert not Path(seen["HOME"]).exists(), "an attempt's folder is removed"


def test_times_and_phases(remote: FlyteRemote, finished: Finished) -> None:
    """Node and task executions have Flyte's phases, in the graph's order, with their times."""
    finished("two-tasks")
    ends = {}
    for node_id in ("start-node", "n0", "n1", "n2", "end-node"):
        closure = node(remote, "two-tasks", node_id).closure
        assert closure.phase == NodeExecutionPhase.SUCCEEDED
        assert closure.started_at is not None
        ends[node_id] = closure.started_at + closure.duration
    assert ends["n0"] < ends["n1"] < ends["n2"] <= ends["end-node"]
    (only,) = tasks(remote, "two-tasks", "n0")
    assert only.closure.phase == TaskExecution.SUCCEEDED


def test_log_is_kept(remote: FlyteRemote, finished: Finished) -> None:
    """The log link of a task execution serves what the process printed."""
    finished("exits")
    finished("two-tasks")
    (only,) = tasks(remote, "two-tasks", "n0")
    answer = httpx.get(only.closure.logs[0].uri)
    assert answer.status_code == 200
    assert "/logs/tandem/development/two-tasks/n0/0" in only.closure.logs[0].uri


def test_deck(remote: FlyteRemote, finished: Finished) -> None:
    """A Deck is found, and its signed link shows it."""
    finished("two-tasks")
    with_deck = node(remote, "two-tasks", "n1")
    assert with_deck.closure.deck_uri.endswith("/deck.html")
    link = remote.client.get_download_artifact_signed_url(with_deck.id.node_id, "tandem", "development", "two-tasks")
    assert "deck of 16" in httpx.get(link.signed_url[0]).text
    assert not node(remote, "two-tasks", "n0").closure.deck_uri


def test_flyte_urls(remote: FlyteRemote, finished: Finished) -> None:
    """flyte:// URLs lead to a node's literals."""
    finished("two-tasks")
    base = "flyte://v1/tandem/development/two-tasks/n0"
    assert remote.get(f"{base}/0/o").get("o0", int) == 16
    assert remote.get(f"{base}/i/n").scalar.primitive.integer == 4


def test_sub_workflow_and_launch_plan_node(admin: FlyteAdminProcess, remote: FlyteRemote, finished: Finished) -> None:
    """A sub-workflow's nodes are under their parent; a launch-plan node has a child execution."""
    assert finished("nested").closure.phase == WorkflowExecutionPhase.SUCCEEDED
    synced = remote.sync_execution(remote.fetch_execution(name="nested"), sync_nodes=True)
    assert synced.outputs.get("o0", int) == 256
    uri = remote.client.get_execution_data(execution_id("nested")).full_outputs.literals["o1"].scalar.blob.uri
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    found = s3_client(admin.config.s3_endpoint).get_object(Bucket=bucket, Key=key)
    assert found["Body"].read() == b"hello"
    sub = synced.node_executions["n0"]
    inside = {each.id.node_id for each in sub._underlying_node_executions}
    assert {"n0-0-n0", "n0-0-n1"} <= inside
    (child,) = synced.node_executions["n1"].workflow_executions
    assert child.is_successful
    assert child.spec.metadata.mode == 4  # CHILD_WORKFLOW
    assert child.spec.launch_plan.name == "square_plan"


def test_single_task(remote: FlyteRemote, finished: Finished) -> None:
    """A task runs by itself, as a workflow of one node that listings leave out."""
    assert finished("single-task").closure.phase == WorkflowExecutionPhase.SUCCEEDED
    assert outputs(remote, "single-task").get("o0", int) == 81
    names, _ = remote.client.list_workflow_ids_paginated("tandem", "development", limit=100)
    assert not any(each.name.startswith(".flytegen") for each in names)


def test_fixed_inputs(remote: FlyteRemote, finished: Finished) -> None:
    """A launch plan's fixed input is used."""
    finished("fixed")
    assert outputs(remote, "fixed").get("o0", int) == 16


def test_raw_container_data(remote: FlyteRemote, finished: Finished) -> None:
    """A raw container reads and writes its data folders under the attempt's own."""
    assert finished("greet").closure.phase == WorkflowExecutionPhase.SUCCEEDED
    found = outputs(remote, "greet")
    assert (found["o0"], found["o1"]) == ("hello you", 7)


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("absent", "ContainerCannotRun", "command [no-such-command] is not on this machine"),
        ("exits", "RetriesExhausted|NonZeroExit", "[2/2] currentAttempt done. Last Error: USER::"),
        ("never-fits", "ResourcesExceeded", "4 GPUs (there are 0)"),
        ("too-long", "TimeoutExpired", "task active timeout [1s] expired"),
        ("attempts-in-vain", "RetriesExhausted|USER:Recoverable", "only 3 of 9 steps"),
        ("recoverable", "USER:RuntimeError", "ValueError: no /"),
        ("strict", "USER:RuntimeError", "[0]: Trace"),
    ],
)
def test_failures(finished: Finished, name: str, code: str, text: str) -> None:
    """A failed node's error is the execution's, as text that says what happened."""
    closure = finished(name).closure
    assert closure.phase == WorkflowExecutionPhase.FAILED
    assert closure.error.code.startswith(code)
    assert text in closure.error.message
    assert closure.error.kind == 1  # USER


def test_timeout_marks_the_node(remote: FlyteRemote, finished: Finished) -> None:
    """The node that took too long is TIMED_OUT, the execution FAILED, as in Flyte."""
    finished("too-long")
    assert node(remote, "too-long", "n0").closure.phase == NodeExecutionPhase.TIMED_OUT


def test_retries_carry_the_checkpoint(remote: FlyteRemote, finished: Finished) -> None:
    """Each attempt reads what the one before it saved."""
    assert finished("attempts").closure.phase == WorkflowExecutionPhase.SUCCEEDED
    assert outputs(remote, "attempts").get("o0", str) == "xxx"
    phases = [each.closure.phase for each in tasks(remote, "attempts", "n0")]
    assert phases == [TaskExecution.RETRYABLE_FAILED] * 2 + [TaskExecution.SUCCEEDED]


def test_system_retry(remote: FlyteRemote, finished: Finished) -> None:
    """A killed process is tried again although the task states no retries."""
    assert finished("killed").closure.phase == WorkflowExecutionPhase.SUCCEEDED
    assert outputs(remote, "killed").get("o0", str) == "1"
    killed = tasks(remote, "killed", "n0")[0].closure
    assert killed.phase == TaskExecution.RETRYABLE_FAILED
    assert killed.error.kind == 2  # SYSTEM


def test_map_task(remote: FlyteRemote, finished: Finished) -> None:
    """Elements run apart, with the partial binding, and come back in order."""
    assert finished("mapped").closure.phase == WorkflowExecutionPhase.SUCCEEDED
    assert outputs(remote, "mapped").get("o0", list[int]) == [10, 20, 30]
    assert node(remote, "mapped", "n0").metadata.is_array
    (whole,) = tasks(remote, "mapped", "n0")
    elements = whole.closure.metadata.external_resources
    assert [each.index for each in elements] == [0, 1, 2]
    assert {each.phase for each in elements} == {TaskExecution.SUCCEEDED}
    assert httpx.get(elements[2].logs[0].uri).status_code == 200


def test_map_task_with_minimum_ratio(remote: FlyteRemote, finished: Finished) -> None:
    """Half of the elements are enough where the map says so; the rest is none."""
    assert finished("lenient").closure.phase == WorkflowExecutionPhase.SUCCEEDED
    assert outputs(remote, "lenient").get("o0", list[int | None]) == [2, None]


def test_cache(remote: FlyteRemote, finished: Finished) -> None:
    """A cached task runs once for its inputs, the ignored ones aside; a client may have it run again."""
    finished("cache-one")
    first = node(remote, "cache-one", "n0").closure.task_node_metadata
    assert first.cache_status == CatalogCacheStatus.CACHE_POPULATED
    launch(remote, "example.running.cached_wf", {"n": 1, "salt": "second"}, "cache-two")
    finish(remote, "cache-two")
    hit = node(remote, "cache-two", "n0").closure.task_node_metadata
    assert hit.cache_status == CatalogCacheStatus.CACHE_HIT
    source = hit.catalog_key.source_task_execution
    assert source.node_execution_id.execution_id.name == "cache-one"
    assert outputs(remote, "cache-two").get("o0", int) == 2
    launch(remote, "example.running.cached_wf", {"n": 1, "salt": ""}, "cache-three", overwrite_cache=True)
    finish(remote, "cache-three")
    again = node(remote, "cache-three", "n0").closure.task_node_metadata
    assert again.cache_status == CatalogCacheStatus.CACHE_POPULATED


def test_recover(remote: FlyteRemote, scenarios: Path, finished: Finished) -> None:
    """Recovery takes over the node that succeeded and runs the one that failed."""
    finished("recoverable")
    scenarios.touch()
    remote.client.recover_execution(execution_id("recoverable"), "recovered")
    assert finish(remote, "recovered").closure.phase == WorkflowExecutionPhase.SUCCEEDED
    assert node(remote, "recovered", "n0").closure.phase == NodeExecutionPhase.RECOVERED
    assert node(remote, "recovered", "n1").closure.phase == NodeExecutionPhase.SUCCEEDED
    assert outputs(remote, "recovered").get("o0", int) == 101
    assert not tasks(remote, "recovered", "n0")


def test_relaunch(remote: FlyteRemote, finished: Finished) -> None:
    """A relaunch runs the same again."""
    finished("greet")
    remote.client.relaunch_execution(execution_id("greet"), "greet-again")
    assert finish(remote, "greet-again").closure.phase == WorkflowExecutionPhase.SUCCEEDED
    assert outputs(remote, "greet-again")["o0"] == "hello you"


def test_all_scenarios_end(admin: FlyteAdminProcess, finished: Finished) -> None:
    """None hangs, and nothing is left of their processes' folders."""
    for name in SCENARIOS:
        key = finished(name)
        assert key.closure.duration is not None
    left = list((admin.config.state_dir / "attempts").glob("*"))
    assert len(left) <= 1, left
