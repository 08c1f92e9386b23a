"""What a sandbox remembers between starts: where its files are, its ports and its generated credentials."""

import contextlib
import fcntl
import json
import os
import secrets
import socket
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from components import naming
from components.connections import Flyte, ObjectStore, Wiring

HOST = "127.0.0.1"
STACK = "sandbox"
REGION = "us-east-1"

PortName = Literal["airflow", "flyte", "console", "s3", "mlflow"]
# Where a person would look first; the next free one is taken where something else listens there.
PREFERRED_PORTS: dict[PortName, int] = {
    "airflow": 8080,
    "flyte": 8089,
    "console": 8088,
    "s3": 9000,
    "mlflow": 5500,
}


def _secret() -> str:
    return secrets.token_urlsafe(24)


def _fernet_key() -> str:
    return urlsafe_b64encode(secrets.token_bytes(32)).decode()


class Credentials(BaseModel):
    """Generated once per sandbox; never typed, never the same in two clones."""

    airflow_username: str = "admin"
    airflow_password: str = Field(default_factory=_secret)
    airflow_jwt_secret: str = Field(default_factory=lambda: secrets.token_urlsafe(64))
    airflow_api_secret: str = Field(default_factory=_secret)
    airflow_fernet_key: str = Field(default_factory=_fernet_key)
    flyte_client_id: str = "airflow"
    flyte_client_secret: str = Field(default_factory=_secret)
    s3_access_key_id: str = Field(default_factory=lambda: "TANDEM" + secrets.token_hex(7).upper())
    s3_secret_access_key: str = Field(default_factory=_secret)


class State(BaseModel):
    """One sandbox: `root` is the clone, everything it writes is below `folder`, its `.tandem`."""

    root: Path
    folder: Path
    ports: dict[PortName, int] = Field(default_factory=dict)
    credentials: Credentials = Field(default_factory=Credentials)

    @property
    def logs(self) -> Path:
        """Return the folder of the services' logs."""
        return self.folder / "logs"

    @property
    def bin(self) -> Path:
        """Return the folder of the locked environment's programs."""
        return self.root / ".venv" / "bin"

    def url(self, port: PortName) -> str:
        """Return the address of one service."""
        return f"http://{HOST}:{self.ports[port]}"

    def save(self) -> None:
        """Write the state, readable by its owner only, so that a kill leaves the old or the new one whole."""
        write_private(self.folder / "sandbox.json", self.model_dump_json(indent=2))


def root() -> Path:
    """Return the clone's folder."""
    return Path(os.environ.get("TANDEM_ROOT") or Path(__file__).resolve().parent.parent)


def folder() -> Path:
    """Return where this sandbox keeps its state: `.tandem` of the clone, or what TANDEM_STATE names."""
    return Path(os.environ.get("TANDEM_STATE") or root() / ".tandem").resolve()


def load(of: Path | None = None) -> State:
    """Read a sandbox's state by its folder, this one's by default, or make a new one that is not yet saved."""
    of = of or folder()
    path = of / "sandbox.json"
    if not path.exists():
        return State(root=root(), folder=of)
    # A clone may have been moved since.
    stored = json.loads(path.read_text()) | {"root": root(), "folder": of}
    return State.model_validate(stored)


def take_ports(state: State, held: set[PortName]) -> list[str]:
    """Give every service a free port, the one it had if it still is; returns a sentence for each that moved.

    Services that still run keep theirs: `held`. Ports given to other sandboxes of this machine count
    as taken from the moment they are given, so that two that start at once do not meet.
    """
    with _claims(state.folder) as claimed:
        moved = _take_ports(state, held, claimed)
        state.save()
        return moved


def _take_ports(state: State, held: set[PortName], claimed: set[int]) -> list[str]:
    moved, taken = [], {state.ports[name] for name in held} | claimed
    for name, preferred in PREFERRED_PORTS.items():
        if name in held:
            continue
        first = state.ports.get(name, preferred)
        port = next(port for port in range(first, 65536) if port not in taken and _is_free(port))
        if port != first:
            moved.append(f"port {first} is taken by another program: {name} moves to {port}")
        state.ports[name] = port
        taken.add(port)
    return moved


@contextlib.contextmanager
def _claims(own: Path) -> Iterator[set[int]]:
    """Hold the machine's list of sandboxes, and yield the ports that other live ones were given."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tandem"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "sandboxes").open("a+") as listed:
        fcntl.flock(listed, fcntl.LOCK_EX)
        listed.seek(0)
        others = {Path(line) for line in listed.read().splitlines()} - {own}
        live = {other for other in others if _is_supervised(other)}
        yield {port for other in live for port in load(other).ports.values()}
        listed.truncate(0)
        listed.write("".join(f"{path}\n" for path in sorted({*live, own})))
        listed.flush()


def _is_supervised(folder: Path) -> bool:
    """True while a supervisor holds that sandbox's lock."""
    try:
        with (folder / "supervisor.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def wiring(state: State) -> Wiring:
    """Describe the sandbox as the connections contract wants it."""
    secret = state.credentials
    return Wiring(
        stack=STACK,
        flyte=Flyte(
            host=HOST,
            port=state.ports["flyte"],
            client_id=secret.flyte_client_id,
            client_secret=secret.flyte_client_secret,
            console_endpoint=state.url("console"),
            insecure=True,
        ),
        s3=ObjectStore(
            region=REGION,
            endpoint=state.url("s3"),
            access_key_id=secret.s3_access_key_id,
            secret_access_key=secret.s3_secret_access_key,
        ),
        mlflow_url=state.url("mlflow"),
        database_url=f"duckdb:///{state.folder / 'flights.duckdb'}",
        code_version=code_version(state.root),
    )


def code_version(clone: Path) -> str:
    """Return the commit that runs, marked where files differ from it; `unversioned` outside a Git clone."""
    command = ["git", "-C", str(clone), "describe", "--always", "--dirty", "--abbrev=12"]
    with contextlib.suppress(OSError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
        if done.returncode == 0:
            return done.stdout.strip()
    return "unversioned"


def write_private(path: Path, text: str) -> None:
    """Replace a file at once, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(path)


def write_json(path: Path, value: object) -> None:
    """Replace a JSON file at once, readable by its owner only."""
    write_private(path, json.dumps(value, indent=2))


def buckets() -> list[str]:
    """Name the sandbox's buckets."""
    return [naming.bucket_name(STACK, role) for role in naming.BUCKET_ROLES]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
