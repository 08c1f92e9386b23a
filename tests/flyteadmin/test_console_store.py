"""The web pages of a store filled directly, also with what nobody should write."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flyteidl.admin.execution_pb2 import AbortMetadata, ExecutionSpec
from flyteidl.admin.launch_plan_pb2 import LaunchPlanSpec, LaunchPlanState
from flyteidl.admin.node_execution_pb2 import NodeExecutionMetaData
from flyteidl.admin.task_pb2 import TaskSpec
from flyteidl.core.execution_pb2 import ExecutionError
from flyteidl.core.identifier_pb2 import (
    Identifier,
    NodeExecutionIdentifier,
    ResourceType,
    WorkflowExecutionIdentifier,
)
from flyteidl.core.literals_pb2 import LiteralMap
from flyteidl.core.tasks_pb2 import TaskTemplate
from starlette.applications import Starlette

from sandbox.flyteadmin.console import content, routes
from sandbox.flyteadmin.engine.context import log_folder
from sandbox.flyteadmin.graph.single_task import generated_id
from sandbox.flyteadmin.registration import Registration
from sandbox.flyteadmin.storage import Storage
from sandbox.flyteadmin.store import Store, tasks
from sandbox.flyteadmin.store.executions import Phase
from sandbox.flyteadmin.store.tasks import WHOLE, AttemptId
from tests.flyteadmin.browsing import EXECUTIONS, HOSTILE, Browser, PageText, read
from tests.flyteadmin.conftest import DOMAIN, PROJECT, make_config


class Filled:
    """A store without a server, filled as the engine would with a task that has a hostile name."""

    def __init__(self, folder: Path) -> None:
        self.config = make_config(folder, "http://127.0.0.1:9")
        self.store = Store(self.config.state_dir / "flyteadmin.db")
        self.store.projects.ensure([PROJECT])
        self.task = Identifier(
            resource_type=ResourceType.TASK,
            project=PROJECT,
            domain=DOMAIN,
            name=f"a.{HOSTILE}",
            version=HOSTILE,
        )
        template = TaskTemplate(type="raw-container")
        template.container.image, template.container.command[:] = "none", ["true"]
        registration = Registration(self.config, self.store)
        registration.create_task(self.task, TaskSpec(template=template))
        registration.ensure_single_task_workflow(self.store.entities.get(self.task).closure.compiled_task.template)
        storage = Storage(self.config)
        app = Starlette(routes=routes(self.config, self.store, storage))
        self.client = Browser(app)

    def execute(self, name: str, inputs: LiteralMap | None = None, **fields: Any) -> int:
        """Add a queued execution of the task."""
        identifier = WorkflowExecutionIdentifier(project=PROJECT, domain=DOMAIN, name=name)
        spec = ExecutionSpec(launch_plan=self.task, **fields)
        workflow = generated_id(self.task, ResourceType.WORKFLOW)
        return self.store.executions.create(identifier, spec, workflow, inputs or LiteralMap())


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    """Return a store with pages over it."""
    made = Filled(tmp_path)
    yield made
    made.store.close()


def _begin_node(filled: Filled, key: int, **changes: Any) -> str:
    """Put the execution's only node into the store, with one attempt."""
    row = filled.store.executions.by_key(key)
    workflow = filled.store.entities.get(row.closure.workflow_id)
    planned = workflow.closure.compiled_workflow.primary.template.nodes
    node = next(each for each in planned if each.WhichOneof("target") == "task_node")
    identifier = NodeExecutionIdentifier(execution_id=row.id, node_id=node.id)
    filled.store.nodes.create(key, identifier, NodeExecutionMetaData(spec_node_id=node.id))
    attempt = AttemptId(key, node.id, WHOLE, 0)
    filled.store.attempts.create(attempt)
    filled.store.attempts.change(attempt, tasks.Phase.FAILED, **changes)
    return str(node.id)


def test_hostile_values_are_escaped(filled: Filled) -> None:
    inputs = LiteralMap()
    inputs.literals[HOSTILE].scalar.primitive.string_value = HOSTILE
    inputs.literals["struct"].scalar.generic.update({HOSTILE: HOSTILE})
    inputs.literals["file"].scalar.blob.uri = f"s3://{HOSTILE}"
    key = filled.execute("hostile", inputs)
    spec = filled.store.executions.by_key(key).spec
    assert spec.launch_plan.name.endswith(HOSTILE)
    labelled = {
        "labels": {"values": {HOSTILE: HOSTILE}},
        "annotations": {"values": {f"airflow/{HOSTILE}": HOSTILE}},
    }
    key = filled.execute("labelled", inputs, **labelled)
    error = ExecutionError(code=HOSTILE, message=f"{HOSTILE}\n{HOSTILE}", kind=ExecutionError.USER)
    filled.store.executions.set_phase(key, Phase.FAILED, error=error)
    node_id = _begin_node(filled, key, error=error.SerializeToString())
    log = log_folder(filled.config) / PROJECT / DOMAIN / "labelled" / node_id / "0"
    log.parent.mkdir(parents=True)
    log.write_text(f"\x1b[31m{HOSTILE}\x1b[0m\n")
    pages = ["/console", EXECUTIONS, f"{EXECUTIONS}?launch_plan={HOSTILE}", f"{EXECUTIONS}/labelled"]
    pages += [f"{EXECUTIONS}/labelled/nodeId/{node_id}/{each}" for each in ("nodes", "logs/0")]
    for path in pages:
        answer = filled.client.get(path)
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.text, path
        assert HOSTILE in PageText(answer.text).text, path
        assert "\x1b" not in answer.text
    missing = filled.client.get(f"{EXECUTIONS}/%3Cscript%3Ealert(1)")
    assert missing.status_code == 404
    assert "<script>alert" not in missing.text


def test_only_web_addresses_become_links(filled: Filled) -> None:
    annotations = {
        "airflow/dag-id": "housing",
        "airflow/task-id": "train",
        "airflow/url": "http://127.0.0.1:8080/dags/housing",
        "bad": "javascript:alert(1)",
        "worse": "data:text/html,x",
    }
    filled.execute("linked", annotations={"values": annotations})
    page = read(filled.client, f"{EXECUTIONS}/linked")
    assert "Airflow housing › train Open in Airflow" in page.text
    assert annotations["airflow/url"] in page.links
    assert not [each for each in page.links if each.startswith(("javascript", "data"))]


def test_overview_lists_active_launch_plans(filled: Filled) -> None:
    workflow = generated_id(filled.task, ResourceType.WORKFLOW)
    for name in ("sleeping", "waking"):
        plan = Identifier(
            resource_type=ResourceType.LAUNCH_PLAN, project=PROJECT, domain=DOMAIN, name=name, version="v7"
        )
        Registration(filled.config, filled.store).create_launch_plan(plan, LaunchPlanSpec(workflow_id=workflow))
    filled.store.entities.set_state(plan, LaunchPlanState.ACTIVE)
    page = read(filled.client, "/console")
    assert f"waking {PROJECT} / {DOMAIN} v7 {workflow.name} never" in page.text
    assert "sleeping" not in page.text
    assert f"{EXECUTIONS}?launch_plan=waking" in page.links


def test_abort_cause_is_prominent(filled: Filled) -> None:
    key = filled.execute("aborted")
    abort = AbortMetadata(cause="task marked failed\nby hand", principal="ada")
    filled.store.executions.set_phase(key, Phase.ABORTING, abort=abort)
    assert "Aborting by ada task marked failed by hand" in read(filled.client, f"{EXECUTIONS}/aborted").text
    filled.store.executions.set_phase(key, Phase.ABORTED)
    assert "Not run" in read(filled.client, f"{EXECUTIONS}/aborted").text


def test_paging_reaches_every_execution_once(filled: Filled) -> None:
    names = [f"run-{number:02}" for number in range(60)]
    for name in names:
        filled.execute(name)
    path, seen = EXECUTIONS, []
    while path:
        page = read(filled.client, path)
        seen += re.findall(r"run-\d\d", page.text)
        older = [each for each in page.links if f"page={len(seen) // 25 + 1}" in each]
        path = older[-1] if len(seen) < len(names) else ""
    assert seen == names[::-1]
    assert "There is no page 9: the last is 3" in read(filled.client, f"{EXECUTIONS}?page=9").text


def test_long_log_shows_its_end(filled: Filled) -> None:
    node_id = _begin_node(filled, filled.execute("long"))
    log = log_folder(filled.config) / PROJECT / DOMAIN / "long" / node_id / "0"
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {number} of many\n" for number in range(60_000)))
    page = read(filled.client, f"{EXECUTIONS}/long/nodeId/{node_id}/logs/0").text
    assert "line 59999 of many" in page
    assert "line 7 of many" not in page
    assert re.search(r"The first [\d.]+ KiB are left out here\. line \d+ of many", page)


def test_log_outside_its_folder_is_not_read(filled: Filled, tmp_path: Path) -> None:
    node_id = _begin_node(filled, filled.execute("astray"))
    secret = tmp_path / "secret"
    secret.write_text("not for the web")
    log = log_folder(filled.config) / PROJECT / DOMAIN / "astray" / node_id / "0"
    log.parent.mkdir(parents=True)
    log.symlink_to(secret)
    assert "It wrote nothing." in read(filled.client, f"{EXECUTIONS}/astray/nodeId/{node_id}/logs/0").text


def test_deck_while_s3_is_away(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "S3_PATIENCE_SECONDS", 0.3)
    node_id = _begin_node(filled, filled.execute("away"), deck_uri="s3://flyte-tests/deck.html")
    page = read(filled.client, f"{EXECUTIONS}/away/nodeId/{node_id}/decks/0", 504)
    assert "S3 did not answer in time" in page.text
