"""A second `./tandem up` until all services are healthy, against a bare `airflow standalone` on the same machine.

Both have their database already and no examples; a component counts as healthy from its first heartbeat
after the start. The bare one has no DAGs, and none of the kit's three other services.
"""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import httpx

from bench.result import Goal, Result, median
from bench.stand import Stand, tail, until
from sandbox import processes
from sandbox.services import base_environment
from sandbox.state import HOST
from sandbox.supervisor import read_status

ROUNDS, QUICK_ROUNDS = 3, 1
MOST = 1.3
START_SECONDS = 180.0


def measure(stand: Stand) -> Result:
    """Time both in turns."""
    stand.up(own_dags=False)
    stand.down()
    bare = Bare(stand)
    kit_seconds, bare_seconds = [], []
    try:
        bare.migrate()
        for number in range(QUICK_ROUNDS if stand.quick else ROUNDS):
            bare_seconds.append(bare.start_and_stop())
            kit_seconds.append(_start_kit(stand))
            stand.say(f"round {number + 1}: kit {kit_seconds[-1]:.1f} s, bare standalone {bare_seconds[-1]:.1f} s")
    finally:
        bare.close()
    kit, standalone = median(kit_seconds), median(bare_seconds)
    return Result(
        name="warm_up",
        values={"kit_seconds": kit_seconds, "standalone_seconds": bare_seconds},
        goals=(Goal("`up` to all services healthy / bare `airflow standalone`", kit / standalone, MOST),),
    )


def _start_kit(stand: Stand) -> float:
    began, clock = time.monotonic(), time.time()
    command = stand.tandem("up", "--services-only")

    def healthy() -> bool:
        status = read_status(stand.state)
        return status.started > clock and status.all_healthy

    until(healthy, START_SECONDS, "the kit's services healthy", pause=0.1)
    seconds = time.monotonic() - began
    stand.check(command)
    stand.down()
    return seconds


class Bare:
    """A bare `airflow standalone` with a home of its own."""

    def __init__(self, stand: Stand) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="tandem-bench-standalone-"))
        self._airflow = str(stand.state.bin / "airflow")
        port, *log_ports = _free_ports(3)
        self.url = f"http://{HOST}:{port}"
        settings = {
            "API__HOST": HOST,
            "API__PORT": port,
            "API__BASE_URL": self.url,
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "CORE__LOAD_EXAMPLES": False,
            "LOGGING__WORKER_LOG_SERVER_PORT": log_ports[0],
            "LOGGING__TRIGGER_LOG_SERVER_PORT": log_ports[1],
        }
        own = {f"AIRFLOW__{name}": str(value) for name, value in settings.items()}
        self._env = {**base_environment(stand.state), "AIRFLOW_HOME": str(self.home), **own}
        self._log = self.home / "standalone.log"

    def migrate(self) -> None:
        """Make the database, and the page that the API server builds on its first start."""
        command = [self._airflow, "db", "migrate"]
        done = subprocess.run(command, env=self._env, cwd=self.home, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"`airflow db migrate` failed: {done.stderr[-2000:]}")

    def start_and_stop(self) -> float:
        """Return the seconds until all four components are healthy."""
        began, clock = time.monotonic(), time.time()
        ref = processes.start([self._airflow, "standalone"], self._env, self.home, self._log)
        try:
            until(lambda: ref.find() is None or self._healthy(clock), START_SECONDS, "a bare standalone", pause=0.1)
            if ref.find() is None:
                raise RuntimeError(f"`airflow standalone` ended:\n{tail(self._log)}")
            return time.monotonic() - began
        finally:
            processes.signal_group(ref.pid, signal.SIGINT)
            with suppress(TimeoutError):
                until(lambda: _gone(ref.pid), 10, "the bare standalone's end")
            processes.signal_group(ref.pid, signal.SIGKILL)
            self.kill_rest()

    def _healthy(self, since: float) -> bool:
        try:
            answer = httpx.get(f"{self.url}/api/v2/monitor/health", timeout=5).raise_for_status().json()
        except httpx.HTTPError:
            return False
        if answer["metadatabase"]["status"] != "healthy":
            return False
        return all(_beats(answer[name], name, since) for name in ("scheduler", "dag_processor", "triggerer"))

    def kill_rest(self) -> None:
        """Kill what left the group: its processes work in the home."""
        for left in processes.below(self.home):
            left.kill()

    def close(self) -> None:
        """Leave nothing."""
        self.kill_rest()
        shutil.rmtree(self.home, ignore_errors=True)


def _gone(leader: int) -> bool:
    processes.reap()
    return not processes.group_members(leader)


def _beats(component: dict[str, str | None], name: str, since: float) -> bool:
    beat = component.get(f"latest_{name}_heartbeat")
    fresh = beat is not None and datetime.fromisoformat(beat).timestamp() >= since
    return component["status"] == "healthy" and fresh


def _free_ports(number: int) -> list[int]:
    probes = [socket.socket() for _ in range(number)]
    for probe in probes:
        probe.bind((HOST, 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
