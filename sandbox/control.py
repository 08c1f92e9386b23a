"""Start, watch and stop a sandbox from outside its supervisor."""

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sandbox import processes
from sandbox.services import base_environment
from sandbox.state import HOST, State, load
from sandbox.supervisor import Status, read_status

START_SECONDS = 180.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.1


class SandboxError(RuntimeError):
    """Something a person can mend; the message says what and how."""


def is_running(state: State) -> bool:
    """True while a supervisor looks after this clone's sandbox."""
    try:
        with (state.folder / "supervisor.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def require_running(state: State) -> None:
    """Raise SandboxError where nothing runs."""
    if not is_running(state):
        raise SandboxError("the sandbox is not running: start it with `./tandem up`")


def start(state: State) -> bool:
    """Start the supervisor in the background; False if one already runs."""
    if is_running(state):
        return False
    command = [str(state.bin / "python"), "-m", "sandbox.supervisor"]
    log = state.logs / "supervisor.log"
    ref = processes.start(command, base_environment(state), state.root, log)
    deadline = time.monotonic() + 30
    while (status := read_status(state)).supervisor is None or status.supervisor.pid != ref.pid:
        processes.reap()
        if not ref.find():
            if is_running(state):
                return False  # another `up` was quicker
            raise SandboxError(f"the supervisor ended at once; its log is {log}")
        if time.monotonic() > deadline:
            raise SandboxError(f"the supervisor said nothing for 30 s; its log is {log}")
        time.sleep(POLL_SECONDS)
    return True


def wait_healthy(state: State, show: Callable[[Status], None]) -> State:
    """Show the services' status until all are healthy; returns the state with the ports they got."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        state, status = load(state.folder), read_status(state)
        show(status)
        if status.all_healthy:
            return state
        failed = [name for name, service in status.services.items() if service.phase == "failed"]
        if failed:
            raise SandboxError(f"{', '.join(failed)} will not stay up: see `./tandem logs {failed[0]}`")
        if not is_running(state):
            raise SandboxError("the supervisor ended while the services started: see `./tandem logs supervisor`")
        if time.monotonic() > deadline:
            late = [name for name, service in status.services.items() if service.phase != "healthy"]
            raise SandboxError(
                f"{', '.join(late)} not healthy after {START_SECONDS:.0f} s: see `./tandem logs {late[0]}`"
            )
        time.sleep(POLL_SECONDS)


def stop(state: State) -> bool:
    """Stop the supervisor and all services, also those a killed supervisor left; False if nothing ran."""
    status, found = read_status(state), False
    supervisor = status.supervisor.find() if status.supervisor else None
    if supervisor and is_running(state):
        found = True
        supervisor.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while is_running(state) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    for service in read_status(state).services.values():
        if service.process and service.process.find():
            found = True
            processes.signal_group(service.process.pid, signal.SIGKILL)
    for orphan in processes.below(state.folder):
        orphan.kill()
    return found


def reset(state: State) -> None:
    """Stop the sandbox and remove everything it stored."""
    stop(state)
    for entry in state.folder.iterdir() if state.folder.exists() else ():
        if entry.name == "bootstrap.lock":
            continue
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def follow(path: Path, lines: int, keep_on: bool) -> Iterator[str]:
    """Yield the last lines of a log, and then what is added to it."""
    with path.open(errors="replace") as log:
        yield from log.readlines()[-lines:]
        while keep_on:
            if added := log.readline():
                yield added
            else:
                time.sleep(0.2)


def exports(state: State) -> dict[str, str]:
    """Return what lets `airflow`, `pyflyte`, `mlflow` and `aws` in a person's own shell talk to the sandbox."""
    from sandbox import airflow

    secret = state.credentials
    return {
        **airflow.environment(state),
        "FLYTECTL_CONFIG": str(write_flyte_config(state)),
        "FLYTE_AWS_ENDPOINT": state.url("s3"),
        "FLYTE_AWS_ACCESS_KEY_ID": secret.s3_access_key_id,
        "FLYTE_AWS_SECRET_ACCESS_KEY": secret.s3_secret_access_key,
        "PYTHONPATH": str(state.root),
        "PATH": f"{state.bin}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }


def write_flyte_config(state: State) -> Path:
    """Write the file that flytekit and flytectl read."""
    from sandbox.state import write_private

    secret, path = state.credentials, state.folder / "flyte.yaml"
    secret_file = state.folder / "flyte-client-secret"
    write_private(secret_file, secret.flyte_client_secret)
    write_private(
        path,
        f"""admin:
  endpoint: dns:///{HOST}:{state.ports["flyte"]}
  insecure: true
  authType: ClientSecret
  clientId: {secret.flyte_client_id}
  clientSecretLocation: {str(secret_file)!r}
console:
  endpoint: {state.url("console")}
storage:
  connection:
    endpoint: {state.url("s3")}
    access-key: {secret.s3_access_key_id}
    secret-key: {secret.s3_secret_access_key}
""",
    )
    return path
