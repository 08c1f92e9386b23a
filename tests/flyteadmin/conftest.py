"""A real S3 and a real server, one each for the whole run, and flytekit's own remote over them."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from flytekit.configuration import Config, DataConfig, PlatformConfig, S3Config
from flytekit.models.core.execution import WorkflowExecutionPhase
from flytekit.models.core.identifier import WorkflowExecutionIdentifier
from flytekit.models.execution import Execution
from flytekit.remote import FlyteRemote

from sandbox.flyteadmin.config import Capacity, FlyteAdminConfig

ROOT = Path(__file__).parents[2]
PROJECT, DOMAIN, VERSION = "tandem", "development", "v1"
BUCKET = "flyte-tests"


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_http(url: str, process: subprocess.Popen[bytes], seconds: float = 90) -> None:
    """Return once a URL answers; fail if its process ends or takes too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{url}: its process ended with {process.returncode}"
        try:
            httpx.get(url, timeout=1)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"{url} did not answer within {seconds} s")


@dataclass
class FlyteAdminProcess:
    """The server as its own process."""

    config: FlyteAdminConfig
    folder: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Start it and wait until it is ready."""
        file = self.folder / "config.json"
        file.touch(mode=0o600)
        file.write_text(self.config.model_dump_json())
        self.process = self.spawn(file)
        wait_for_http(f"{self.config.http_url}/healthz", self.process)

    def spawn(self, file: Path) -> subprocess.Popen[bytes]:
        """Start a process with this configuration; its log is beside it."""
        with (self.folder / "server.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "sandbox.flyteadmin", str(file)],
                env={**os.environ, "PYTHONPATH": str(ROOT), "LEAKED": "from the server's environment"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        """End it as kill -9 does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it politely and return its status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


def s3_client(endpoint: str) -> Any:
    """Return a boto3 client."""
    return boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id="k", aws_secret_access_key="s", region_name="us-east-1"
    )


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """Return the endpoint of a real moto server with the bucket in it."""
    port = free_port()
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    endpoint = f"http://127.0.0.1:{port}"
    wait_for_http(endpoint, process)
    s3_client(endpoint).create_bucket(Bucket=BUCKET)
    yield endpoint
    process.kill()
    process.wait()


def make_config(folder: Path, s3: str, **changes: object) -> FlyteAdminConfig:
    """Return a configuration on free ports."""
    return FlyteAdminConfig.model_validate(
        {
            "grpc_port": free_port(),
            "http_port": free_port(),
            "state_dir": folder / "state",
            "client_id": "airflow",
            "client_secret": secrets.token_urlsafe(24),
            "s3_endpoint": s3,
            "s3_access_key_id": "k",
            "s3_secret_access_key": "s",
            "bucket": BUCKET,
            "task_env": {"FROM_TASK_ENV": "given"},
            "python_bin_dir": Path(sys.executable).parent,
            "capacity": Capacity(cpu=2),
            "terminate_grace_seconds": 1,
            **changes,
        }
    )


@pytest.fixture(scope="session")
def admin(tmp_path_factory: pytest.TempPathFactory, s3: str) -> Iterator[FlyteAdminProcess]:
    """Return a running server."""
    folder = tmp_path_factory.mktemp("flyteadmin")
    server = FlyteAdminProcess(make_config(folder, s3), folder)
    server.start()
    yield server
    if server.process.poll() is None:
        server.stop()


def remote_for(config: FlyteAdminConfig) -> FlyteRemote:
    """Return flytekit's remote with the client's credentials."""
    platform = PlatformConfig(
        endpoint=f"127.0.0.1:{config.grpc_port}",
        insecure=True,
        auth_mode="client_credentials",
        client_id=config.client_id,
        client_credentials_secret=config.client_secret,
    )
    data = DataConfig(s3=S3Config(endpoint=config.s3_endpoint, access_key_id="k", secret_access_key="s"))
    return FlyteRemote(Config(platform=platform, data_config=data), default_project=PROJECT, default_domain=DOMAIN)


@pytest.fixture(scope="session")
def pyflyte_env(admin: FlyteAdminProcess, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment in which a person's pyflyte talks to the server."""
    folder = tmp_path_factory.mktemp("pyflyte")
    config = admin.config
    secret = folder / "secret"
    secret.write_text(config.client_secret)
    file = folder / "config.yaml"
    file.write_text(
        f"admin:\n  endpoint: 127.0.0.1:{config.grpc_port}\n  insecure: true\n  authType: ClientSecret\n"
        f"  clientId: {config.client_id}\n  clientSecretLocation: {secret}\n"
        f"storage:\n  connection:\n    endpoint: {config.s3_endpoint}\n    access-key: k\n    secret-key: s\n"
    )
    shutil.copytree(Path(__file__).parent / "example", folder / "example")
    return {**os.environ, "FLYTECTL_CONFIG": str(file), "HOME": str(folder)}


def pyflyte(env: dict[str, str], *arguments: str) -> str:
    """Run the pyflyte command line beside a copy of the example package and return what it prints."""
    command = [str(Path(sys.executable).parent / "pyflyte"), *arguments]
    done = subprocess.run(command, env=env, cwd=env["HOME"], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def remote(admin: FlyteAdminProcess, pyflyte_env: dict[str, str]) -> FlyteRemote:
    """Return flytekit's remote, with the example package registered by pyflyte."""
    place = ("-p", PROJECT, "-d", DOMAIN, "--version", VERSION)
    pyflyte(pyflyte_env, "register", *place, "--image", "local/none:1", "example")
    return remote_for(admin.config)


TERMINAL = {
    WorkflowExecutionPhase.SUCCEEDED,
    WorkflowExecutionPhase.FAILED,
    WorkflowExecutionPhase.ABORTED,
    WorkflowExecutionPhase.TIMED_OUT,
}


def execution_id(name: str) -> WorkflowExecutionIdentifier:
    """Return the identifier of an execution in the tests' project."""
    return WorkflowExecutionIdentifier(PROJECT, DOMAIN, name)


def until(condition: Callable[[], Any], seconds: float = 90) -> Any:
    """Return what a condition gives as soon as that is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s in vain")


def finish(remote: FlyteRemote, name: str) -> Execution:
    """Return an execution's record once it is over."""

    def over() -> Execution | None:
        found: Execution = remote.client.get_execution(execution_id(name))
        return found if found.closure.phase in TERMINAL else None

    return until(over)


def launch(remote: FlyteRemote, plan: str, inputs: dict[str, Any], name: str, **options: Any) -> None:
    """Start an execution of a launch plan, found by its name within the examples."""
    entity = remote.fetch_launch_plan(name=plan, version=VERSION)
    remote.execute(entity, inputs=inputs, execution_name=name, **options)


# What most tests look at, started all at once so that two cores are kept busy.
SCENARIOS: dict[str, tuple[str, dict[str, Any]]] = {
    "two-tasks": ("example.basics.two_tasks", {"n": 4}),
    "nested": ("example.basics.nested", {"n": 2}),
    "fixed": ("fixed_plan", {}),
    "greet": ("example.basics.greet", {"name": "you"}),
    "too-long": ("example.basics.sleep_too_long", {"seconds": 30.0}),
    "absent": ("example.basics.absent_command", {}),
    "exits": ("example.basics.exits_three", {}),
    "never-fits": ("example.basics.never_fits", {}),
    "cache-one": ("example.running.cached_wf", {"n": 1, "salt": "first"}),
    "attempts": ("example.running.attempts_wf", {"steps": 3}),
    "attempts-in-vain": ("example.running.attempts_wf", {"steps": 9}),
    "killed": ("example.running.killed_wf", {}),
    "mapped": ("example.running.mapped_wf", {"numbers": [1, 2, 3], "factor": 10}),
    "lenient": ("example.running.lenient_wf", {"numbers": [1, -1]}),
    "strict": ("example.running.mapped_wf", {"numbers": [-1], "factor": 1}),
}


@pytest.fixture(scope="session")
def scenarios(remote: FlyteRemote, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Start every scenario, and `recoverable`, which fails until a file is made; return that file's path."""
    for name, (plan, inputs) in SCENARIOS.items():
        launch(remote, plan, inputs, name)
    task = remote.fetch_task(name="example.basics.square", version=VERSION)
    remote.execute(task, inputs={"n": 9}, execution_name="single-task")
    flag = tmp_path_factory.mktemp("flags") / "recovered"
    launch(remote, "example.running.recoverable_wf", {"n": 1, "flag": str(flag)}, "recoverable")
    return flag


@pytest.fixture(scope="session")
def finished(remote: FlyteRemote, scenarios: Path) -> Callable[[str], Execution]:  # noqa: ARG001
    """Return a function that waits for a scenario."""
    return lambda name: finish(remote, name)
