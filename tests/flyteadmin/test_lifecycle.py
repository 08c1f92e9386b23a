"""Servers that are killed, executions that are ended, an S3 that is away, a machine that is full."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from flytekit import ContainerTask, LaunchPlan, Resources, kwtypes, workflow
from flytekit.configuration import ImageConfig, SerializationSettings
from flytekit.core.options import Options
from flytekit.models.core.execution import NodeExecutionPhase, WorkflowExecutionPhase
from flytekit.remote import FlyteRemote

from sandbox.flyteadmin.config import Capacity
from tests.flyteadmin.conftest import (
    BUCKET,
    DOMAIN,
    PROJECT,
    VERSION,
    FlyteAdminProcess,
    execution_id,
    finish,
    free_port,
    launch,
    make_config,
    remote_for,
    s3_client,
    until,
    wait_for_http,
)


def marker_processes(marker: str) -> list[psutil.Process]:
    """Return the live processes that have a marker on their command line."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        command = process.info["cmdline"] or []
        if any(marker in each for each in command) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def phase(remote: FlyteRemote, name: str) -> int:
    """Return an execution's phase."""
    return int(remote.client.get_execution(execution_id(name)).closure.phase)


def node_phase(remote: FlyteRemote, name: str, node_id: str = "n0") -> int:
    """Return a node's phase, 0 while there is none."""
    nodes, _ = remote.client.list_node_executions(execution_id(name), limit=100)
    return next((int(each.closure.phase) for each in nodes if each.id.node_id == node_id), 0)


stubborn = ContainerTask(
    name="stubborn",
    image="none",
    command=["sh", "-c", "trap '' TERM; echo {{.inputs.marker}}; sleep 60 & wait; sleep 60"],
    inputs=kwtypes(marker=str),
    requests=Resources(cpu="20m"),
)
napper = ContainerTask(
    name="napper",
    image="none",
    command=["sh", "-c", "sleep 0.4; : {{.inputs.marker}}"],
    inputs=kwtypes(marker=str),
    requests=Resources(cpu="20m"),
)
worker = ContainerTask(
    name="worker",
    image="none",
    command=["sh", "-c", "sleep 0.4; : {{.inputs.marker}}"],
    inputs=kwtypes(marker=str),
    requests=Resources(cpu="1"),
)


@workflow
def stubborn_wf(marker: str) -> None:
    """A command that takes no notice of SIGTERM."""
    stubborn(marker=marker)


stubborn_plan = LaunchPlan.get_or_create(stubborn_wf, name="stubborn_plan")


@workflow
def naps_wf(marker: str) -> None:
    """Three small commands side by side."""
    napper(marker=marker)
    napper(marker=marker)
    napper(marker=marker)


@workflow
def work_wf(marker: str) -> None:
    """Three commands of a core each, on two cores."""
    worker(marker=marker)
    worker(marker=marker)
    worker(marker=marker)


@workflow
def parent_wf(marker: str) -> None:
    """A launch-plan node over the stubborn command."""
    stubborn_plan(marker=marker)


def register_here(remote: FlyteRemote) -> None:
    """Register this module's raw containers, which need no code in S3."""
    settings = SerializationSettings(
        project=PROJECT, domain=DOMAIN, version=VERSION, image_config=ImageConfig.auto(img_name="local/none:1")
    )
    for each in (stubborn_wf, naps_wf, work_wf):
        remote.register_workflow(each, settings, version=VERSION)
    remote.register_launch_plan(stubborn_plan, version=VERSION, serialization_settings=settings)
    remote.register_workflow(parent_wf, settings, version=VERSION)


HERE = __name__


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, s3: str) -> Iterator[FlyteAdminProcess]:
    """Return a server of this module's own, to be killed at will."""
    folder = tmp_path_factory.mktemp("own")
    server = FlyteAdminProcess(make_config(folder, s3, capacity=Capacity(cpu=2)), folder)
    server.start()
    yield server
    if server.process.poll() is None:
        server.stop()


@pytest.fixture(scope="module")
def here(own: FlyteAdminProcess) -> FlyteRemote:
    """Return a remote of that server, with this module's workflows registered."""
    remote = remote_for(own.config)
    register_here(remote)
    return remote


def test_killed_server_loses_nothing(admin: FlyteAdminProcess, remote: FlyteRemote, tmp_path: Path) -> None:
    """kill -9 in mid-execution: the process lives on, the next server takes it up, and its twin never runs."""
    flags = {name: tmp_path / name for name in ("goes-on", "ends-meanwhile")}
    for name, flag in flags.items():
        launch(remote, "example.running.waiting_wf", {"flag": str(flag), "n": 5}, name)
    for name in flags:
        until(lambda name=name: node_phase(remote, name) == NodeExecutionPhase.RUNNING)
    admin.kill()
    flags["ends-meanwhile"].touch()
    time.sleep(3)  # long enough for the task to see the flag and end without a server
    admin.start()
    assert phase(remote, "goes-on") == WorkflowExecutionPhase.RUNNING
    flags["goes-on"].touch()
    for name in flags:
        done = finish(remote, name)
        assert done.closure.phase == WorkflowExecutionPhase.SUCCEEDED, done.closure.error
        assert {file.name for file in log_files(admin, name, "n0")} == {"0"}, "no second attempt"


def log_files(admin: FlyteAdminProcess, name: str, node_id: str) -> list[Path]:
    """Return the logs of a node's attempts."""
    return list((admin.config.state_dir / "logs" / PROJECT / DOMAIN / name / node_id).iterdir())


def test_token_survives_a_restart(own: FlyteAdminProcess, here: FlyteRemote) -> None:
    """A client goes on with the token it has; a polite stop has status 0."""
    here.client.list_projects_paginated()
    assert own.stop() == 0
    own.start()
    here.client.list_projects_paginated()


def test_second_server_is_refused(own: FlyteAdminProcess, here: FlyteRemote) -> None:  # noqa: ARG001
    """Two servers never share a state folder."""
    second = subprocess.run(
        [sys.executable, "-m", "sandbox.flyteadmin", str(own.folder / "config.json")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert second.returncode == 1
    assert "another FlyteAdmin server uses" in second.stderr


def test_terminate_ends_the_process_group(here: FlyteRemote) -> None:
    """SIGTERM, then SIGKILL to those who take no notice; ABORTED with the cause, children too."""
    launch(here, f"{HERE}.parent_wf", {"marker": "marker-parent"}, "ended")
    until(lambda: len(marker_processes("marker-parent")) >= 1)
    child = until(lambda: _child(here, "ended"))
    here.client.terminate_execution(execution_id("ended"), "no longer wanted")
    done = finish(here, "ended").closure
    assert done.phase == WorkflowExecutionPhase.ABORTED
    assert done.abort_metadata.cause == "no longer wanted"
    assert phase(here, child) == WorkflowExecutionPhase.ABORTED
    assert not marker_processes("marker-parent")
    assert node_phase(here, "ended") == NodeExecutionPhase.ABORTED
    with pytest.raises(Exception, match="already terminated"):
        here.client.terminate_execution(execution_id("ended"), "again")


def _child(remote: FlyteRemote, parent: str) -> str:
    names = [each.id.name for each in remote.client.list_executions_paginated(PROJECT, DOMAIN, limit=50)[0]]
    return next((each for each in names if each.startswith("f") and len(each) == 20), "") if parent else ""


def test_terminate_outlives_a_killed_server(own: FlyteAdminProcess, here: FlyteRemote) -> None:
    """An execution that was being ended when its server was killed is ended by the next."""
    launch(here, f"{HERE}.stubborn_wf", {"marker": "marker-killed"}, "ended-late")
    until(lambda: marker_processes("marker-killed"))
    here.client.terminate_execution(execution_id("ended-late"), "late")
    own.kill()
    assert marker_processes("marker-killed")
    own.start()
    assert finish(here, "ended-late").closure.phase == WorkflowExecutionPhase.ABORTED
    assert not marker_processes("marker-killed")


def test_lost_process_is_tried_again(here: FlyteRemote) -> None:
    """A process group killed behind the server's back is a failure of the system, and retried."""
    launch(here, f"{HERE}.stubborn_wf", {"marker": "marker-lost"}, "lost")
    first = until(lambda: marker_processes("marker-lost"))
    groups = {os.getpgid(each.pid) for each in first}
    for group in groups:
        os.killpg(group, signal.SIGKILL)
    known = {each.pid for each in first}
    until(lambda: [each for each in marker_processes("marker-lost") if each.pid not in known])
    here.client.terminate_execution(execution_id("lost"), "seen enough")
    assert finish(here, "lost").closure.phase == WorkflowExecutionPhase.ABORTED


def group_of(process: psutil.Process) -> int:
    """Return a process's group, 0 if it is gone."""
    try:
        return os.getpgid(process.pid)
    except ProcessLookupError:
        return 0


def most_at_once(remote: FlyteRemote, name: str, marker: str) -> int:
    """Return how many commands with a marker ran at one time."""
    most = 0
    while phase(remote, name) not in (WorkflowExecutionPhase.SUCCEEDED, WorkflowExecutionPhase.FAILED):
        groups = {group_of(each) for each in marker_processes(marker)} - {0}
        most = max(most, len(groups))
        time.sleep(0.02)
    return most


@pytest.mark.parametrize(
    ("plan", "options", "expected"),
    [("naps_wf", {}, 3), ("naps_wf", {"max_parallelism": 1}, 1), ("work_wf", {}, 2)],
    ids=["small ones at once", "max_parallelism", "capacity"],
)
def test_how_many_run_at_once(here: FlyteRemote, plan: str, options: dict[str, int], expected: int) -> None:
    """As many as the cores and the execution's max_parallelism allow."""
    name = f"at-once-{plan[:4]}-{expected}"
    launch(here, f"{HERE}.{plan}", {"marker": name}, name, options=Options(**options))
    assert most_at_once(here, name, name) == expected
    assert phase(here, name) == WorkflowExecutionPhase.SUCCEEDED


def test_s3_away_is_waited_for(tmp_path: Path) -> None:
    """An execution created while S3 is away goes on when it is back."""
    port = free_port()
    server = FlyteAdminProcess(make_config(tmp_path, f"http://127.0.0.1:{port}"), tmp_path)
    server.start()
    moto = None
    try:
        remote = remote_for(server.config)
        register_here(remote)
        launch(remote, f"{HERE}.naps_wf", {"marker": "s3"}, "waits")
        until(lambda: "S3 is away" in (tmp_path / "server.log").read_text())
        assert phase(remote, "waits") == WorkflowExecutionPhase.RUNNING
        command = [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
        moto = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_http(f"http://127.0.0.1:{port}", moto)
        s3_client(f"http://127.0.0.1:{port}").create_bucket(Bucket=BUCKET)
        assert finish(remote, "waits").closure.phase == WorkflowExecutionPhase.SUCCEEDED
    finally:
        server.stop()
        if moto is not None:
            moto.kill()
            moto.wait()


def test_many_at_once(here: FlyteRemote) -> None:
    """Forty executions created at the same time all end, and a thousand names would not slow the list."""
    plan = here.fetch_launch_plan(name=f"{HERE}.naps_wf", version=VERSION)

    def start(number: int) -> str:
        name = f"many-{number}"
        here.execute(plan, inputs={"marker": name}, execution_name=name)
        return name

    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(start, range(40)))
    assert {finish(here, name).closure.phase for name in names} == {WorkflowExecutionPhase.SUCCEEDED}
