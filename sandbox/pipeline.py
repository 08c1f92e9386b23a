"""What `up` does once the services run: test the connections, seed, register, and run DAGs to their end."""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx
import tenacity

from components import connections, naming
from sandbox import airflow, control
from sandbox.services import base_environment
from sandbox.state import State, wiring

ENDED = {"success", "failed"}
POLL_SECONDS = 0.5
FOLLOW_UP_SECONDS = 30.0
RUN_SECONDS = 1800.0


def check_connections(state: State) -> dict[str, str]:
    """Try every connection as a task would; returns what is wrong by id, "" where it works."""
    names = list(connections.connections(wiring(state)))
    command = [sys.executable, "-m", "sandbox.connection_check", *names]
    env = {**base_environment(state), **airflow.environment(state)}
    done = subprocess.run(command, cwd=state.root, env=env, capture_output=True, text=True)
    if done.returncode:
        raise control.SandboxError(f"the connections can't be checked:\n{done.stderr[-2000:]}")
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def seed(state: State) -> None:
    """Put the raw data into its bucket, once."""
    stamp = state.folder / "s3" / "seeded"
    source = state.root / "dags" / "ml" / "seed.py"
    version = hashlib.sha256(source.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == version:
        return
    uri = f"s3://{naming.bucket_name('sandbox', 'raw')}"
    script = "import sys; from ml.seed import seed; seed(sys.argv[1], None)"
    _run_step(state, "seed", [sys.executable, "-c", script, uri], {"PYTHONPATH": str(state.root / "dags")})
    stamp.write_text(version)


def workflows_version(clone: Path) -> str:
    """Name the workflows' version by their content: the same files are the same version."""
    digest = hashlib.sha256()
    for path in sorted((clone / "workflows").rglob("*.py")):
        digest.update(str(path.relative_to(clone)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def register(state: State) -> str:
    """Register the workflows and activate their launch plans; returns the version. Nothing is done twice."""
    version, stamp = workflows_version(state.root), state.folder / "flyteadmin" / "registered"
    if stamp.exists() and stamp.read_text() == version:
        return version
    config = control.write_flyte_config(state)
    where = ["--project", naming.FLYTE_PROJECT, "--domain", naming.FLYTE_DOMAINS[0], "--version", version]
    command = [str(state.bin / "pyflyte"), "--config", str(config), "register", "--activate-launchplans"]
    _run_step(state, "register", [*command, *where, "workflows"], control.exports(state))
    stamp.write_text(version)
    return version


def _run_step(state: State, name: str, command: list[str], env: dict[str, str]) -> None:
    """Run one step to its end, its output in a log of its own."""
    log = state.logs / f"{name}.log"
    aws = connections.aws_environment(wiring(state).s3)
    with log.open("wb") as out:
        done = subprocess.run(
            command, cwd=state.root, env={**base_environment(state), **aws, **env}, stdout=out, stderr=out
        )
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
        raise control.SandboxError(f"{name} failed with status {done.returncode}; the end of {log}:\n{tail}")


def wait_for_dag(client: airflow.Client, dag_id: str, seconds: float = 15.0) -> None:
    """Wait until Airflow has read a DAG's file; SandboxError with the import error or the known DAGs otherwise."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            client.get(f"/dags/{dag_id}")
            return
        except httpx.HTTPStatusError as error:
            if error.response.status_code != 404:
                raise
        broken = client.get("/importErrors")["import_errors"]
        if broken:
            texts = "\n".join(f"{row['filename']}:\n{row['stack_trace']}" for row in broken)
            raise control.SandboxError(f"Airflow can't import a DAG file:\n{texts}")
        if time.monotonic() > deadline:
            known = ", ".join(row["dag_id"] for row in client.pages("/dags", "dags")) or "none"
            raise control.SandboxError(f"no DAG {dag_id!r}; Airflow knows: {known}")
        time.sleep(POLL_SECONDS)


Run = dict[str, Any]


def run_to_end(
    client: airflow.Client, dag_id: str, conf: dict[str, Any] | None, show: Callable[[list[Run]], None]
) -> list[Run]:
    """Start a DAG and wait for it and for every run that its asset events start; returns them in order."""
    first = client.run(dag_id, client.trigger(dag_id, conf))
    runs = {(dag_id, str(first["dag_run_id"])): first}
    deadline = time.monotonic() + RUN_SECONDS
    while True:
        for key in runs:
            runs[key] = _with_tasks(client, client.run(*key))
        for key in list(runs):
            if runs[key]["state"] == "success":
                runs.update({new: _with_tasks(client, client.run(*new)) for new in _triggered_by(client, key, runs)})
        show(list(runs.values()))
        if all(run["state"] in ENDED for run in runs.values()):
            return list(runs.values())
        if time.monotonic() > deadline:
            raise control.SandboxError(f"the runs did not end within {RUN_SECONDS / 60:.0f} minutes")
        time.sleep(POLL_SECONDS)


def _with_tasks(client: airflow.Client, run: Run) -> Run:
    path = f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances"
    return {**run, "tasks": list(client.pages(path, "task_instances"))}


def _triggered_by(
    client: airflow.Client, key: tuple[str, str], known: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Return the runs that a finished run's asset events started; waits until the scheduler has made them."""
    dag_id, run_id = key
    deadline = time.monotonic() + FOLLOW_UP_SECONDS
    while True:
        events = asset_events(client, dag_id, run_id)
        made = [(run["dag_id"], run["run_id"]) for event in events for run in event["created_dagruns"]]
        if all(_is_answered(client, event) for event in events) or time.monotonic() > deadline:
            return [run for run in dict.fromkeys(made) if run not in set(known)]
        time.sleep(POLL_SECONDS)


def asset_events(client: airflow.Client, dag_id: str, run_id: str) -> list[dict[str, Any]]:
    """Return a run's asset events; asks again while Airflow 3.3 answers 500 (a run it made is queued)."""
    for wait in tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_server_error),
        wait=tenacity.wait_fixed(POLL_SECONDS),
        stop=tenacity.stop_after_delay(FOLLOW_UP_SECONDS),
        reraise=True,
    ):
        with wait:
            path = "/assets/events"
            found: list[dict[str, Any]] = client.get(path, source_dag_id=dag_id, source_run_id=run_id)["asset_events"]
    return found


def _is_server_error(error: BaseException) -> bool:
    return isinstance(error, httpx.HTTPStatusError) and error.response.status_code >= 500


def _is_answered(client: airflow.Client, event: dict[str, Any]) -> bool:
    """True once the scheduler has made a run of every DAG that an event's asset starts; it makes them one by one."""
    wanted = {dag["dag_id"] for dag in client.get(f"/assets/{event['asset_id']}")["scheduled_dags"]}
    return wanted <= {run["dag_id"] for run in event["created_dagruns"]}


def trace(state: State, uri: str) -> dict[str, Any]:
    """Return the chain from a predictions file back to its rows; SandboxError where there is no such file."""
    script = "import json, sys; from ml.lineage import trace; json.dump(trace(sys.argv[1]), sys.stdout, default=str)"
    wired = wiring(state)
    env = {
        **base_environment(state),
        **connections.aws_environment(wired.s3),
        **connections.mlflow_environment(wired),
        "PYTHONPATH": str(state.root / "dags"),
    }
    done = subprocess.run([sys.executable, "-c", script, uri], env=env, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise control.SandboxError(f"can't trace it: {reason.removeprefix('LookupError: ')}")
    chain: dict[str, Any] = json.loads(done.stdout)
    return chain
