"""Keeps the services alive: starts them in order, asks after their health, restarts what dies.

One supervisor per sandbox, run detached as `python -m sandbox.supervisor`. It tells what it does in
.tandem/status.json; SIGTERM stops everything. Services that outlived a killed supervisor are taken over.
"""

import fcntl
import logging
import signal
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Literal

import httpx
from pydantic import BaseModel

from sandbox import processes, services
from sandbox.processes import ProcessRef
from sandbox.services import HEALTHY, Migration, Service
from sandbox.state import State, load, take_ports, write_private

TICK_SECONDS = 0.25
CHECK_SECONDS = {"starting": 0.3, "healthy": 5.0}
STOP_GRACE_SECONDS = 8.0
# A service that dies again at once is restarted ever more slowly.
RESTART_SECONDS = (0.2, 1.0, 2.0, 5.0, 10.0)
STEADY_SECONDS = 60.0

Phase = Literal["waiting", "starting", "healthy", "restarting", "stopped", "failed"]

log = logging.getLogger("supervisor")


class ServiceStatus(BaseModel):
    """What a person sees of one service; times are seconds of the epoch."""

    title: str
    phase: Phase = "waiting"
    detail: str = ""
    process: ProcessRef | None = None
    restarts: int = 0
    healthy_at: float | None = None


class Status(BaseModel):
    """What .tandem/status.json holds."""

    supervisor: ProcessRef | None = None
    started: float = 0.0
    notes: list[str] = []
    services: dict[str, ServiceStatus] = {}

    @property
    def all_healthy(self) -> bool:
        """True once every service answers."""
        return bool(self.services) and all(s.phase == "healthy" for s in self.services.values())


def status_path(state: State) -> Path:
    """Return where the supervisor tells what it does."""
    return state.folder / "status.json"


def read_status(state: State) -> Status:
    """Return the last written status; an empty one if there never was one."""
    path = status_path(state)
    return Status.model_validate_json(path.read_text()) if path.exists() else Status()


@dataclass
class Watch:
    """One service under supervision."""

    service: Service | Migration
    status: ServiceStatus
    due: float = 0.0
    fast_deaths: int = 0
    check: "Future[str] | None" = None


class Supervisor:
    """Runs the services of one sandbox until it is told to stop."""

    def __init__(self, state: State, before: Status, notes: list[str]) -> None:
        self.state, self.stopping = state, False
        self._pool = ThreadPoolExecutor(4)
        self._status = Status(supervisor=_own_ref(), started=time.time(), notes=notes)
        self._written = ""
        self._watches = {item.name: self._watch(item, before) for item in _all(state)}

    def _watch(self, item: Service | Migration, before: Status) -> Watch:
        old = before.services.get(item.name)
        status = ServiceStatus(title=item.title)
        if isinstance(item, Migration) and self._is_done(item):
            status.phase = "healthy"
        elif old and old.process and old.process.find():
            status = old.model_copy(update={"phase": "starting", "detail": "taken over from a supervisor that died"})
        self._status.services[item.name] = status
        return Watch(item, status)

    def run(self) -> None:
        """Loop until SIGTERM, then stop the services in reverse order."""
        while not self.stopping:
            self.step()
            time.sleep(TICK_SECONDS)
        self.stop()

    @property
    def status(self) -> Status:
        """What a person sees."""
        return self._status

    def step(self) -> None:
        """Look at every service once."""
        processes.reap()
        for watch in self._watches.values():
            self._advance(watch)
        self._tell()

    def _advance(self, watch: Watch) -> None:
        status, now = watch.status, time.time()
        if isinstance(watch.service, Migration) and status.phase == "healthy":
            return
        if status.process is None:
            if now >= watch.due and self._ready(watch.service):
                self._start(watch)
        elif not status.process.find():
            self._ended(watch, now)
        elif isinstance(watch.service, Service):
            self._check(watch, watch.service, now)

    def _ready(self, item: Service | Migration) -> bool:
        needs = item.needs if isinstance(item, Service) else ()
        missing = [name for name in needs if self._watches[name].status.phase != "healthy"]
        if missing:
            titles = [self._watches[name].status.title for name in missing]
            self._watches[item.name].status.detail = f"waits for {', '.join(titles)}"
        return not missing

    def _start(self, watch: Watch) -> None:
        item, status = watch.service, watch.status
        status.process = processes.start(item.command, item.env, self.state.root, self.state.logs / f"{item.name}.log")
        status.phase, status.detail, watch.check = "starting", "", None
        log.info("%s started, process %d", item.name, status.process.pid)

    def _ended(self, watch: Watch, now: float) -> None:
        """Restart a service; note a migration that is done."""
        item, status = watch.service, watch.status
        ref, status.process = status.process, None
        assert ref is not None
        if isinstance(item, Migration) and self._is_done(item):
            status.phase, status.healthy_at = "healthy", now
            return
        # What a killed parent leaves behind would work beside its successor.
        processes.signal_group(ref.pid, signal.SIGKILL)
        watch.fast_deaths = watch.fast_deaths + 1 if now - ref.started < STEADY_SECONDS else 0
        pause = RESTART_SECONDS[min(watch.fast_deaths, len(RESTART_SECONDS) - 1)]
        status.restarts += 1
        watch.due = now + pause
        failing = watch.fast_deaths >= len(RESTART_SECONDS)
        status.phase = "failed" if failing else "restarting"
        status.detail = f"ended; restart {status.restarts} in {pause:g} s; see `./tandem logs {item.name}`"
        log.warning("%s, process %d, ended; restarting in %g s", item.name, ref.pid, pause)

    def _check(self, watch: Watch, service: Service, now: float) -> None:
        status = watch.status
        assert status.process is not None
        if watch.check is None:
            if now >= watch.due:
                watch.check = self._pool.submit(service.health, status.process.started)
            return
        if not watch.check.done():
            return
        healthy, detail = _result(watch.check)
        if healthy and status.phase != "healthy":
            status.healthy_at = now
            log.info("%s is healthy", service.name)
        if healthy:
            status.phase, status.detail = "healthy", ""
        else:
            status.detail = detail
        watch.check = None
        watch.due = now + CHECK_SECONDS["healthy" if healthy else "starting"]

    def _is_done(self, item: Migration) -> bool:
        return item.stamp.exists() and item.stamp.read_text() == item.version

    def stop(self) -> None:
        """Ask every service to end, then make it; the last ones started go first."""
        for watch in reversed(self._watches.values()):
            if watch.status.process:
                processes.signal_group(watch.status.process.pid, signal.SIGTERM)
        deadline = time.time() + STOP_GRACE_SECONDS
        groups = [w.status.process.pid for w in self._watches.values() if w.status.process]
        while time.time() < deadline and any(processes.group_members(leader) for leader in groups):
            processes.reap()
            time.sleep(TICK_SECONDS)
        for leader in groups:
            processes.signal_group(leader, signal.SIGKILL)
        for orphan in processes.below(self.state.folder):
            orphan.kill()
        for watch in self._watches.values():
            watch.status.process, watch.status.phase, watch.status.detail = None, "stopped", ""
        self._status.supervisor = None
        self._tell()

    def _tell(self) -> None:
        text = self._status.model_dump_json()
        if text != self._written:
            write_private(status_path(self.state), text)
            self._written = text


def _all(state: State) -> list[Service | Migration]:
    return [*services.migrations(state), *services.services(state)]


def _result(check: "Future[str]") -> tuple[bool, str]:
    try:
        answer = check.result()
    except httpx.ConnectError:
        return False, "not answering yet"
    except (httpx.HTTPError, OSError, LookupError, ValueError) as error:
        return False, f"{type(error).__name__}: {error}"
    return answer == HEALTHY, answer


def _own_ref() -> ProcessRef:
    import psutil

    own = psutil.Process()
    return ProcessRef(pid=own.pid, started=own.create_time())


def main() -> int:
    """Supervise this sandbox; exit status 75 if another supervisor already does."""
    state = load()
    state.folder.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with (state.folder / "supervisor.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 75
        before = read_status(state)
        alive = {name for name, service in before.services.items() if service.process and service.process.find()}
        notes = take_ports(state, services.ports_of(alive))
        supervisor = Supervisor(state, before, notes)

        def stop(_signal: int, _frame: FrameType | None) -> None:
            supervisor.stopping = True

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        supervisor.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
