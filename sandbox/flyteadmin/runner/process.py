"""A command that outlives the server: its own session, its exit status in a file, found again after a restart."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

# The shell creates the pid file or nothing: whoever does so first, it or a restarted server that gave it up,
# decides whether the command runs. It stays alive through SIGTERM to write the command's status.
_WRAPPER = """
folder=$1; shift
set -C
echo $$ > "$folder/pid" || exit 0
set +C
trap : TERM INT HUP
"$@"
status=$?
echo $status > "$folder/exit.new" && mv "$folder/exit.new" "$folder/exit"
"""
_POLL_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run, and where."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path

    @property
    def work(self) -> Path:
        """Return the command's current directory."""
        return self.folder / "work"


_children: dict[int, subprocess.Popen[bytes]] = {}


def start(command: Command) -> int:
    """Start a command in its own process group and return the group's id."""
    command.work.mkdir(parents=True, exist_ok=True)
    command.log.parent.mkdir(parents=True, exist_ok=True)
    with command.log.open("ab") as output:
        child = subprocess.Popen(
            ["/bin/sh", "-c", _WRAPPER, "sh", str(command.folder), *command.arguments],
            cwd=command.work,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[child.pid] = child
    return child.pid


def find(folder: Path) -> int | None:
    """Return the group of a command started before a restart, None if it never ran and never will."""
    claim = folder / "pid"
    try:
        claim.touch(exist_ok=False)
    except FileExistsError:
        pass
    except FileNotFoundError:
        return None
    else:
        return None
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:  # between its creation and its first line
        text = claim.read_text().strip()
        if text:
            return int(text)
        time.sleep(0.005)
    return None


def is_alive(pid: int, folder: Path) -> bool:
    """Say whether a process is this folder's command, and not a later one with the same id."""
    if pid in _children:  # its id can't be taken, and just after its start it has no command line yet
        return _children[pid].poll() is None
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and str(folder) in process.cmdline()
    except psutil.Error:
        return False


def exit_status(folder: Path) -> int | None:
    """Return how the command ended, None if it was killed together with its shell."""
    try:
        return int((folder / "exit").read_text())
    except (FileNotFoundError, ValueError):
        return None


async def ended(pid: int, folder: Path) -> None:
    """Wait until the command is over."""
    try:
        if hasattr(os, "pidfd_open"):
            await _ended_by_descriptor(pid, folder)
        else:
            while is_alive(pid, folder):  # noqa: ASYNC110 (there is nothing to be told by)
                await asyncio.sleep(_POLL_SECONDS)
    finally:
        child = _children.get(pid)
        if child is not None and child.poll() is not None:
            del _children[pid]


async def _ended_by_descriptor(pid: int, folder: Path) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    try:
        if not is_alive(pid, folder):  # looked up after the descriptor: the id can't be taken over any more
            return
        loop.add_reader(descriptor, over.set)
        await over.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def stop(pid: int, folder: Path, grace_seconds: float) -> None:
    """End the whole process group: SIGTERM, then SIGKILL to what is left after the grace."""
    if not is_alive(pid, folder):
        return
    _signal(pid, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(ended(pid, folder), grace_seconds)
    sweep(pid)
    await ended(pid, folder)


def sweep(pid: int) -> None:
    """Kill what a command left behind in its process group, as the end of a container would."""
    _signal(pid, signal.SIGKILL)


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
