"""The whole sample pipeline on a sandbox that runs: how long it takes, and the most memory everything holds.

Memory is the sum of each process's proportional share (PSS; RSS, which counts shared pages again, where PSS
can't be read), `up` itself included.
"""

import threading
import time
from contextlib import suppress

import psutil

from bench.result import Goal, Result
from bench.stand import Stand
from sandbox import processes
from sandbox.supervisor import read_status

MOST_SECONDS = 120.0
MOST_GIB = 4.0
SAMPLE_SECONDS = 0.5


def measure(stand: Stand) -> Result:
    """Run it once to have raw data, a champion and warm caches, then again against the clock."""
    stand.up(own_dags=False)
    if not stand.quick:
        stand.say("first run, not measured")
        stand.check(stand.tandem("up"))
    stand.say("measured run")
    began = time.monotonic()
    command = stand.tandem("up")
    with Memory(stand, command.pid) as memory:
        stand.check(command)
    seconds = time.monotonic() - began
    return Result(
        name="pipeline",
        values={
            "seconds": seconds,
            "peak_gib": memory.peak / 2**30,
            "processes_at_peak": memory.processes,
            "samples": memory.samples,
        },
        goals=(
            Goal("the warm pipeline, `up` on a running sandbox", seconds, MOST_SECONDS, "s"),
            Goal("peak memory of everything", memory.peak / 2**30, MOST_GIB, "GiB"),
        ),
    )


class Memory:
    """Samples the memory of a sandbox's processes while the block lasts; `peak` is in bytes."""

    def __init__(self, stand: Stand, command: int) -> None:
        self.peak = self.processes = self.samples = 0
        self._stand, self._command = stand, command
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            sizes = [_size(process) for process in self._members()]
            self.samples += 1
            if sum(sizes) > self.peak:
                self.peak, self.processes = sum(sizes), len(sizes)

    def _members(self) -> set[psutil.Process]:
        supervisor = read_status(self._stand.state).supervisor
        members = set(processes.below(self._stand.folder))
        for pid in [self._command, *([supervisor.pid] if supervisor else [])]:
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                members |= {process, *process.children(recursive=True)}
        return members


def _size(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        try:
            return int(process.memory_full_info().pss)
        except (psutil.AccessDenied, AttributeError):
            return int(process.memory_info().rss)
    return 0
