"""Processes that may outlive whoever started them: named by id and start time, ended with their whole group."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import psutil
from pydantic import BaseModel


class ProcessRef(BaseModel):
    """A process by id and start time (seconds of the epoch), since ids are used again."""

    pid: int
    started: float

    def find(self) -> psutil.Process | None:
        """Return the process if it is this one and still runs."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            # The kernel counts in ticks from boot: equal to within a hundredth of a second.
            if abs(process.create_time() - self.started) < 0.5 and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


def start(command: list[str], env: dict[str, str], cwd: Path, log: Path) -> ProcessRef:
    """Start a process at the head of a group of its own, its output appended to a log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    return ProcessRef(pid=process.pid, started=psutil.Process(process.pid).create_time())


def signal_group(leader: int, number: signal.Signals) -> None:
    """Signal every process of a group; nothing happens where it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def group_members(leader: int) -> list[psutil.Process]:
    """Return the processes still running in a group."""
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


def below(folder: Path) -> list[psutil.Process]:
    """Return the processes whose working folder lies in `folder`: Flyte tasks that outlived their server."""
    inside = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if Path(process.cwd()).is_relative_to(folder) and process.pid != os.getpid():
                inside.append(process)
    return inside


def reap() -> None:
    """Collect children that ended, so that none stays a zombie."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
