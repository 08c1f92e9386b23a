"""The benchmarks' own sandbox, apart from a person's: state in a temporary folder, gone at the end."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from tandem_flyte.client import AdminClient
from tandem_flyte.connection import FlyteConnection

from components import naming
from sandbox import airflow, control, processes, state
from sandbox.state import HOST, State

HERE = Path(__file__).parent
PROJECT, DOMAIN = naming.FLYTE_PROJECT, naming.FLYTE_DOMAINS[0]
Answer = TypeVar("Answer")


class Stand:
    """What measurements share: one sandbox, started when the first asks for it."""

    def __init__(self, *, quick: bool, say: Callable[[str], None]) -> None:
        self.quick, self.say = quick, say
        self.folder = Path(tempfile.mkdtemp(prefix="tandem-bench-"))
        self._dags: Path | None = None
        self._registered = False

    @property
    def state(self) -> State:
        """Return the sandbox's state, with the ports it has now."""
        return state.load(self.folder)

    def environment(self) -> dict[str, str]:
        """Return what makes `./tandem` work on this sandbox."""
        own = {"TANDEM_STATE": str(self.folder), "TANDEM_ROOT": str(state.root())}
        kept = {name: value for name, value in os.environ.items() if name != "TANDEM_DAGS"}
        return kept | own | ({"TANDEM_DAGS": str(self._dags)} if self._dags else {})

    def tandem(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start one of the kit's commands, its output in a log."""
        with (self.folder / "commands.log").open("ab") as log:
            command = [str(state.root() / "tandem"), *words]
            return subprocess.Popen(command, env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def up(self, *, own_dags: bool = True) -> State:
        """Have the sandbox run, with the benchmarks' DAGs and launch plans, or as a person has it."""
        wanted = HERE / "dags" if own_dags else None
        if control.is_running(self.state) and self._dags == wanted:
            return self.state
        self.down()
        self._dags = wanted
        self.say("starting the sandbox")
        self.check(self.tandem("up", "--services-only"))
        if own_dags and not self._registered:
            self.say("registering the benchmarks' launch plans")
            self._register()
            self._registered = True
        return self.state

    def check(self, command: "subprocess.Popen[bytes]") -> None:
        """Wait for a command; RuntimeError with the end of its output where it fails."""
        try:
            status = command.wait()
        except BaseException:
            command.kill()
            raise
        if status:
            raise RuntimeError(f"`tandem` ended with status {status}:\n{tail(self.folder / 'commands.log')}")

    def down(self) -> None:
        """Stop the sandbox and keep its state."""
        control.stop(self.state)

    def close(self, *, keep: bool) -> None:
        """Stop the sandbox and remove its state, which `keep` leaves for somebody to look into."""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.down()
            for left in processes.below(self.folder):
                left.kill()
            if not keep:
                shutil.rmtree(self.folder, ignore_errors=True)
        finally:
            signal.signal(signal.SIGINT, before)

    def airflow(self, *dag_ids: str) -> airflow.Client:
        """Return a client of Airflow's API, once Airflow knows some DAGs."""
        client = airflow.Client(self.state)
        wanted = set(dag_ids)
        until(lambda: wanted <= {dag["dag_id"] for dag in client.pages("/dags", "dags")}, 90, f"DAGs {sorted(wanted)}")
        return client

    def flyte(self) -> AdminClient:
        """Return a client of FlyteAdmin."""
        current = self.state
        connection = FlyteConnection(
            conn_id="bench",
            endpoint=f"{HOST}:{current.ports['flyte']}",
            project=PROJECT,
            domain=DOMAIN,
            console=current.url("console"),
            is_insecure=True,
            auth="client_credentials",
            client_id=current.credentials.flyte_client_id,
            client_secret=current.credentials.flyte_client_secret,
        )
        return AdminClient(connection)

    def _register(self) -> None:
        where = ["--project", PROJECT, "--domain", DOMAIN, "--version", "bench"]
        command = ["pyflyte", "register", "--activate-launchplans", *where, "flows"]
        with (self.folder / "commands.log").open("ab") as log:
            env = {**self.environment(), **control.exports(self.state)}
            self.check(subprocess.Popen(command, cwd=HERE, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log))


def until(probe: Callable[[], Answer], seconds: float, what: str, pause: float = 0.2) -> Answer:
    """Ask until the answer is true; TimeoutError that names what was waited for."""
    deadline = time.monotonic() + seconds
    while not (answer := probe()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(pause)
    return answer


def run_succeeded(run: dict[str, Any], tasks: Iterable[dict[str, Any]]) -> None:
    """Raise RuntimeError for a DAG run that did not succeed."""
    if run["state"] != "success":
        bad = [task["task_id"] for task in tasks if task["state"] != "success"]
        raise RuntimeError(f"{run['dag_id']} is {run['state']}: {', '.join(bad)}")


def tail(log: Path, lines: int = 12) -> str:
    """Return the end of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
