"""The sample pipeline through the running sandbox, as a person runs it."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import httpx
import psutil
import pytest

from sandbox import airflow, flyte, pipeline
from sandbox.state import HOST, root
from tests.sandbox.conftest import Running, until

pytestmark = pytest.mark.timeout(420)


def tandem(*words: str, status: int = 0) -> Any:
    """Run `./tandem` on the tests' sandbox; returns what it printed, read as JSON where asked for."""
    done = subprocess.run([sys.executable, "-m", "cli", *words], cwd=root(), capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout) if "--json" in words else done.stdout + done.stderr


@pytest.fixture(scope="module")
def first_up(running: Running) -> dict[str, Any]:  # noqa: ARG001
    """Run the pipeline by a second `up`, which uses what runs."""
    before = {name: s["pid"] for name, s in tandem("status", "--json")["services"].items()}
    found = tandem("up", "--json")
    assert {name: s["pid"] for name, s in found["services"].items()} == before
    return dict(found)


def test_up_reports_a_green_pipeline(first_up: dict[str, Any]) -> None:
    assert first_up["succeeded"]
    runs = {run["dag_id"]: run for run in first_up["runs"]}
    assert {"housing_producer", "housing_consumer"} <= set(runs)
    assert all(run["state"] == "success" and run["seconds"] > 0 for run in runs.values())
    assert {e["launch_plan"]: e["phase"] for e in first_up["executions"]} == {
        "housing_train": "SUCCEEDED",
        "housing_predict": "SUCCEEDED",
    }
    assert first_up["metrics"]["r2_log"] >= 0.85
    assert first_up["promoted"] is True
    for section, keys in {
        "airflow": {"url", "username", "password"},
        "flyte": {"endpoint", "console", "client_id", "client_secret", "project", "domain"},
        "s3": {"endpoint", "access_key_id", "secret_access_key"},
        "mlflow": {"url"},
    }.items():
        assert set(first_up[section]) == keys


def test_every_link_opens(first_up: dict[str, Any]) -> None:
    urls = [execution["url"] for execution in first_up["executions"]]
    for url in [*urls, first_up["mlflow"]["url"], first_up["airflow"]["url"], first_up["flyte"]["console"]]:
        assert httpx.get(url, follow_redirects=True).status_code == 200, url


def test_a_prediction_is_traced_to_its_rows(first_up: dict[str, Any]) -> None:
    chain = tandem("trace", first_up["predictions"], "--json")
    executions = {e["launch_plan"]: e["name"] for e in first_up["executions"]}
    assert chain["predictions"]["flyte_execution"] == executions["housing_predict"]
    assert chain["model"]["flyte_execution"] == executions["housing_train"]
    assert [learnt["version"] for learnt in chain["learnt_from"]] == ["2006-01_2009-12"]
    assert chain["learnt_from"][0]["raw"]["rows"] == 2589
    assert "no predictions are recorded" in tandem("trace", "s3://tandem-sandbox-models/none.parquet", status=1)


def test_bad_data_is_quarantined_and_the_last_good_version_stands(running: Running, first_up: dict[str, Any]) -> None:
    since = datetime.now(UTC)
    conf = json.dumps({"corrupt": True})
    found = tandem("run", "housing_producer", "--conf", conf, "--json")
    states = {task["task_id"]: task["state"] for task in found["runs"][0]["tasks"]}
    assert (states["publish"], states["quarantine"]) == ("skipped", "success")
    assert [run["dag_id"] for run in found["runs"]] == ["housing_producer"]
    assert flyte.executions_since(running.state, since) == []
    chain = tandem("trace", first_up["predictions"], "--json")
    assert [learnt["version"] for learnt in chain["learnt_from"]] == ["2006-01_2009-12"]


@pytest.mark.parametrize("dag_id", ["diabetes_training", "housing_forecast", "flights_delay"])
def test_the_other_dags_run(first_up: dict[str, Any], dag_id: str) -> None:  # noqa: ARG001
    found = tandem("run", dag_id, "--json")
    assert found["succeeded"]
    assert [execution["phase"] for execution in found["executions"]] == ["SUCCEEDED"]


def test_an_unknown_dag_names_the_known(first_up: dict[str, Any]) -> None:  # noqa: ARG001
    assert "housing_producer" in tandem("run", "housing_prodcer", status=1)


def test_a_configuration_that_is_no_object_is_refused(first_up: dict[str, Any]) -> None:  # noqa: ARG001
    assert "a JSON object is wanted" in tandem("run", "housing_producer", "--conf", "[1]", status=2)


def test_everything_listens_on_loopback_only(running: Running) -> None:
    status = tandem("status", "--json")["services"]
    owners = {s["pid"] for s in status.values() if s["pid"]}
    tree = {child.pid for owner in owners for child in psutil.Process(owner).children(recursive=True)} | owners
    listening = [c for c in psutil.net_connections("inet") if c.status == "LISTEN" and c.pid in tree]
    assert len(listening) >= len(running.state.ports)
    # gRPC's sockets speak both families: the mapped address is the same loopback.
    assert {connection.laddr.ip.removeprefix("::ffff:") for connection in listening} == {HOST}


def test_killing_every_service_still_trains_once_and_ends_green(running: Running, first_up: dict[str, Any]) -> None:  # noqa: ARG001
    since = datetime.now(UTC)
    run = running.start("housing_producer")
    consumer = until(lambda: started_consumer(running, run[1]), 90)
    until(lambda: flyte.executions_since(running.state, since), 60)
    for service in ("flyteadmin", "triggerer", "s3", "mlflow", "dag-processor", "scheduler", "api-server"):
        old = running.kill(service)
        running.wait_healthy_again(service, old)
    ended = until(lambda: state if (state := consumer_state(running, consumer)) in {"success", "failed"} else "", 240)
    assert ended == "success", running.tasks(("housing_consumer", consumer))
    executions = [(e.launch_plan, e.phase) for e in flyte.executions_since(running.state, since)]
    assert executions == [("housing_train", "SUCCEEDED"), ("housing_predict", "SUCCEEDED")]


def started_consumer(running: Running, producer_run: str) -> str | None:
    """Return the consumer's run that a producer's run started."""
    events = pipeline.asset_events(running.airflow, "housing_producer", producer_run)
    made = [run for event in events for run in event["created_dagruns"]]
    return next((run["run_id"] for run in made if run["dag_id"] == "housing_consumer"), None)


def consumer_state(running: Running, run_id: str) -> str:
    return str(running.airflow.run("housing_consumer", run_id)["state"])


def test_a_killed_supervisor_is_succeeded_by_one_that_takes_over(running: Running) -> None:
    before = tandem("status", "--json")["services"]
    supervisor = running.status().supervisor
    assert supervisor
    os.kill(supervisor.pid, 9)
    tandem("status", "--json", status=3)
    after = tandem("up", "--services-only", "--json")["services"]
    assert {name: s["pid"] for name, s in after.items()} == {name: s["pid"] for name, s in before.items()}


def test_objects_and_runs_survive_down_and_up(running: Running, first_up: dict[str, Any]) -> None:
    tandem("down")
    assert tandem("status", "--json", status=3)["running"] is False
    tandem("up", "--services-only", "--json")
    running.airflow = airflow.Client(running.state)
    assert tandem("trace", first_up["predictions"], "--json")["predictions"]["uri"] == first_up["predictions"]
    producer = next(run for run in first_up["runs"] if run["dag_id"] == "housing_producer")
    assert running.airflow.run("housing_producer", producer["run_id"])["state"] == "success"
