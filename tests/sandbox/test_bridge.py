"""The bridge across real Airflow and the embedded Flyte: whatever ends one ends the other."""

import psutil
import pytest

from sandbox import flyte
from tests.sandbox.conftest import Running, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def start_waiting(running: Running, dag_id: str, state: str = "deferred") -> tuple[tuple[str, str], str]:
    """Start a DAG and wait until its task waits for a running Flyte execution."""
    run = running.start(dag_id)
    name = running.execution_of(run)
    running.wait_for_task(run, {state})
    until(lambda: "is RUNNING" in running.log(run), 20)  # the trigger has it
    return run, name


@pytest.mark.parametrize("new_state", ["failed", "success"])
def test_marking_the_task_aborts_flyte(running: Running, new_state: str) -> None:
    run, name = start_waiting(running, "bridge_wait")
    path = f"/dags/{run[0]}/dagRuns/{run[1]}/taskInstances/flyte"
    running.airflow.send("PATCH", path, {"new_state": new_state})
    aborted = running.wait_for_phase(name, "ABORTED")
    assert "bridge_wait" in aborted.closure.abort_metadata.cause
    assert running.task(run)["state"] == new_state


def test_clearing_the_task_aborts_flyte_and_starts_anew(running: Running) -> None:
    run, name = start_waiting(running, "bridge_wait")
    body = {"dry_run": False, "dag_run_id": run[1], "task_ids": ["flyte"], "only_failed": False}
    running.airflow.send("POST", f"/dags/{run[0]}/clearTaskInstances", body)
    running.wait_for_phase(name, "ABORTED")
    again = until(lambda: n if (n := running.airflow.xcom(*run, "flyte", "flyte_execution_name")) != name else None, 30)
    flyte.terminate(running.state, again, "the test is over")
    running.wait_for_task(run, {"failed"}, 20)


@pytest.mark.parametrize(
    ("dag_id", "cause"),
    [
        ("bridge_execution_timeout", "execution_timeout"),
        ("bridge_trigger_timeout", "wait_timeout"),
        ("bridge_run_timeout", ""),
    ],
)
def test_airflows_timeouts_abort_flyte(running: Running, dag_id: str, cause: str) -> None:
    run = running.start(dag_id)
    name = running.execution_of(run)
    ended = running.wait_for_task(run, {"failed", "skipped"}, 40)
    aborted = running.wait_for_phase(name, "ABORTED")
    assert cause in aborted.closure.abort_metadata.cause
    assert ended["state"] == ("skipped" if dag_id == "bridge_run_timeout" else "failed")


@pytest.mark.parametrize("service", ["triggerer", "scheduler", "flyteadmin"])
def test_a_killed_service_aborts_nothing(running: Running, service: str) -> None:
    run = running.start("bridge_wait", seconds=25)
    name = running.execution_of(run)
    running.wait_for_task(run, {"deferred"})
    running.wait_healthy_again(service, running.kill(service))
    assert running.phase(name) == "RUNNING"
    running.wait_for_task(run, {"success"}, 60)
    assert running.phase(name) == "SUCCEEDED"
    assert running.task(run)["try_number"] == 1


def test_aborted_in_flyte_fails_in_airflow_with_the_cause(running: Running) -> None:
    run, name = start_waiting(running, "bridge_wait")
    flyte.terminate(running.state, name, "the budget is spent")
    running.wait_for_task(run, {"failed"}, 20)
    assert "the budget is spent" in running.log(run)


def test_failed_in_flyte_fails_in_airflow_with_the_error(running: Running) -> None:
    run = running.start("bridge_division", a=1, b=0)
    running.wait_for_task(run, {"failed"})
    assert "the denominator must not be zero" in running.log(run)


def test_timed_out_in_flyte_fails_in_airflow(running: Running) -> None:
    run = running.start("bridge_flyte_timeout")
    running.wait_for_task(run, {"failed"})
    log = running.log(run).lower()
    assert "timeout" in log or "timed out" in log


def test_outputs_are_typed(running: Running) -> None:
    run = running.start("bridge_division", a=1, b=4)
    running.wait_for_task(run, {"success"})
    assert running.airflow.xcom(*run, "flyte") == {"o0": 0.25}


def test_fifty_mapped_tasks_are_fifty_executions(running: Running) -> None:
    run = running.start("bridge_mapped")
    until(lambda: len(t := running.tasks(run)) == 50 and all(x["state"] == "success" for x in t), 280)
    path = f"/dags/{run[0]}/dagRuns/{run[1]}/taskInstances/flyte/xcomEntries/flyte_execution_name"
    names = {running.airflow.get(path, map_index=index)["value"] for index in range(50)}
    assert len(names) == 50
    assert {running.phase(name.strip('"')) for name in names} == {"SUCCEEDED"}


def test_a_retry_attaches_to_the_live_execution(running: Running) -> None:
    run = running.start("bridge_wait_in_slot", seconds=20)
    name = running.execution_of(run)
    worker = until(lambda: task_process(running), 20)
    worker.kill()
    until(lambda: running.task(run)["try_number"] == 2, 60)
    running.wait_for_task(run, {"success"}, 60)
    assert running.execution_of(run) == name
    assert running.phase(name) == "SUCCEEDED"


def task_process(running: Running) -> psutil.Process | None:
    """Find the process that runs the only task: a LocalExecutor worker's child, that Airflow forked for it."""
    scheduler = running.status().services["scheduler"].process
    assert scheduler
    for worker in psutil.Process(scheduler.pid).children():
        if children := worker.children():
            return children[0]
    return None


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        ({"launch_plan": "divison"}, ["divison", "division"]),
        ({"a": "one"}, ["a", "float", "one"]),
        ({}, ["b", "missing"]),
        ({"project": "nowhere"}, ["nowhere"]),
    ],
)
def test_mistakes_are_said_before_anything_is_launched(
    running: Running, conf: dict[str, str], words: list[str]
) -> None:
    run = running.start("bridge_errors", **conf)
    running.wait_for_task(run, {"failed"})
    log = running.log(run)
    assert not [word for word in words if word not in log]
    assert running.airflow.xcom(*run, "flyte", "flyte_execution_name") is None
