"""One running sandbox for all tests that cross Airflow and Flyte, apart from a person's own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components import naming
from sandbox import airflow, control, flyte, processes, state
from sandbox.state import State, root
from sandbox.supervisor import Status, read_status

HERE = Path(__file__).parent
TERMINAL = {"success", "failed"}


@dataclass
class Running:
    """A sandbox that runs, and what tests ask of it."""

    state: State
    airflow: airflow.Client

    def start(self, dag_id: str, **conf: Any) -> tuple[str, str]:
        return dag_id, self.airflow.trigger(dag_id, conf)

    def tasks(self, run: tuple[str, str]) -> list[dict[str, Any]]:
        path = f"/dags/{run[0]}/dagRuns/{run[1]}/taskInstances"
        return list(self.airflow.pages(path, "task_instances"))

    def task(self, run: tuple[str, str], task_id: str = "flyte") -> dict[str, Any]:
        return next(task for task in self.tasks(run) if task["task_id"] == task_id)

    def wait_for_task(self, run: tuple[str, str], states: set[str], seconds: float = 60) -> dict[str, Any]:
        return until(lambda: found if (found := self.task(run))["state"] in states else None, seconds)

    def execution_of(self, run: tuple[str, str], seconds: float = 60) -> str:
        """Wait until the task has launched its Flyte execution, and name it."""
        return str(until(lambda: self.airflow.xcom(*run, "flyte", "flyte_execution_name"), seconds))

    def execution(self, name: str) -> Any:
        return flyte.get_execution(self.state, name)

    def phase(self, name: str) -> str:
        return flyte.phase(self.execution(name))

    def wait_for_phase(self, name: str, phase: str, seconds: float = 10) -> Any:
        return until(lambda: found if flyte.phase(found := self.execution(name)) == phase else None, seconds)

    def log(self, run: tuple[str, str], task_id: str = "flyte") -> str:
        """Return the task's log of its last try, as Airflow's page shows it."""
        number = self.task(run, task_id)["try_number"]
        answer = self.airflow.get(f"/dags/{run[0]}/dagRuns/{run[1]}/taskInstances/{task_id}/logs/{number}")
        return json.dumps(answer["content"])

    def status(self) -> Status:
        return read_status(self.state)

    def kill(self, service: str) -> int:
        """Kill a service with -9; returns the id it had."""
        process = self.status().services[service].process
        assert process
        os.kill(process.pid, 9)
        return process.pid

    def wait_healthy_again(self, service: str, old: int, seconds: float = 40) -> None:
        def back() -> bool:
            found = self.status().services[service]
            return found.phase == "healthy" and found.process is not None and found.process.pid != old

        until(back, seconds)


def until(probe: Callable[[], Any], seconds: float) -> Any:
    """Ask until the answer is true; AssertionError with the last answer after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (answer := probe()):
        assert time.monotonic() < deadline, f"not within {seconds} s; last answer: {answer!r}"
        time.sleep(0.2)
    return answer


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Start a sandbox with the tests' own DAGs and launch plans beside the kit's.

    While working on one test, TANDEM_TEST_STATE names one that runs already.
    """
    if reused := os.environ.get("TANDEM_TEST_STATE"):
        yield Running(state.load(Path(reused)), airflow.Client(state.load(Path(reused))))
        return
    folder = tmp_path_factory.mktemp("sandbox")
    os.environ.update(TANDEM_STATE=str(folder), TANDEM_DAGS=str(HERE / "dags"), TANDEM_ROOT=str(root()))
    command = [sys.executable, "-m", "cli", "up", "--services-only", "--json"]
    up = subprocess.run(command, cwd=root(), capture_output=True, text=True, timeout=300)
    try:
        assert up.returncode == 0, up.stderr + _logs(folder)
        current = state.load(folder)
        register(current, HERE / "flows")
        client = airflow.Client(current)
        until(lambda: {"bridge_wait", "housing_consumer"} <= {d["dag_id"] for d in client.pages("/dags", "dags")}, 60)
        yield Running(current, client)
    finally:
        current = state.load(folder)
        control.stop(current)
        left = processes.below(folder)
        for name in ("TANDEM_STATE", "TANDEM_DAGS"):
            del os.environ[name]
    assert not left, f"`down` left {left}"


def register(current: State, package: Path) -> None:
    """Register a package of launch plans as a person would."""
    where = ["--project", naming.FLYTE_PROJECT, "--domain", naming.FLYTE_DOMAINS[0], "--version", "tests"]
    command = ["pyflyte", "register", "--activate-launchplans", *where, package.name]
    env = {**os.environ, **control.exports(current)}
    done = subprocess.run(command, cwd=package.parent, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _logs(folder: Path) -> str:
    texts = [f"\n== {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in (folder / "logs").glob("*.log")]
    return "".join(texts)
