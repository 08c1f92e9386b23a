"""The supervisor keeps real processes alive, and outlives its own death."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox import processes, services
from sandbox.services import HEALTHY, Migration, Service
from sandbox.state import State, load
from sandbox.supervisor import Status, Supervisor

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def service(name: str, command: list[str] = SLEEPER, needs: tuple[str, ...] = ()) -> Service:
    return Service(name=name, title=name, command=command, env=dict(os.environ), health=lambda _: HEALTHY, needs=needs)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return load(tmp_path)


def supervise(
    state: State, items: list[Service | Migration], monkeypatch: pytest.MonkeyPatch, before: Status | None = None
) -> Supervisor:
    monkeypatch.setattr(services, "migrations", lambda _: [i for i in items if isinstance(i, Migration)])
    monkeypatch.setattr(services, "services", lambda _: [i for i in items if isinstance(i, Service)])
    return Supervisor(state, before or Status(), [])


def turn(supervisor: Supervisor, until: Callable[[Status], bool], seconds: float = 20) -> Status:
    deadline = time.monotonic() + seconds
    while not until(supervisor.status):
        supervisor.step()
        assert time.monotonic() < deadline, supervisor.status
        time.sleep(0.02)
    return supervisor.status


def test_a_killed_service_is_restarted_and_its_leftovers_end(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    # The child stays in its parent's group, as Airflow's workers do.
    command = ["/bin/sh", "-c", "sleep 600 & wait"]
    supervisor = supervise(state, [service("parent", command)], monkeypatch)
    first = turn(supervisor, lambda s: s.all_healthy).services["parent"].process
    assert first
    deadline = time.monotonic() + 10
    while len(processes.group_members(first.pid)) < 2:
        assert time.monotonic() < deadline
    os.kill(first.pid, signal.SIGKILL)
    status = turn(supervisor, lambda s: s.all_healthy and s.services["parent"].restarts == 1)
    assert status.services["parent"].process != first
    deadline = time.monotonic() + 10
    while processes.group_members(first.pid):
        processes.reap()
        assert time.monotonic() < deadline
    supervisor.stop()


def test_needs_are_healthy_first_and_a_migration_runs_once(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    stamp, count = state.folder / "stamp", state.folder / "count"
    script = f"echo ran >> '{count}'; printf 1 > '{stamp}'"
    migration = Migration(
        name="db", title="db", command=["/bin/sh", "-c", script], env=dict(os.environ), version="1", stamp=stamp
    )
    for _ in range(2):
        supervisor = supervise(state, [migration, service("app", needs=("db",))], monkeypatch)
        assert supervisor.status.services["app"].process is None
        turn(supervisor, lambda s: s.all_healthy)
        supervisor.stop()
    assert count.read_text() == "ran\n"


def test_a_service_that_never_stays_up_is_said_to_fail(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.supervisor.RESTART_SECONDS", (0.0, 0.0))
    supervisor = supervise(state, [service("broken", ["/bin/false"])], monkeypatch)
    status = turn(supervisor, lambda s: s.services["broken"].phase == "failed")
    assert "./tandem logs broken" in status.services["broken"].detail
    supervisor.stop()


def test_services_of_a_killed_supervisor_are_taken_over(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = supervise(state, [service("app")], monkeypatch)
    before = turn(supervisor, lambda s: s.all_healthy).model_copy(deep=True)
    # No stop: as if it had been killed.
    heir = supervise(state, [service("app")], monkeypatch, before)
    after = turn(heir, lambda s: s.all_healthy)
    assert after.services["app"].process == before.services["app"].process
    heir.stop()
    assert before.services["app"].process
    assert before.services["app"].process.find() is None


def test_a_process_id_used_again_is_not_taken_for_the_old_process() -> None:
    own = processes.ProcessRef(pid=os.getpid(), started=1.0)
    assert own.find() is None
