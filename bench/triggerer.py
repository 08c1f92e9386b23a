"""A thousand waits in one event loop: is it ever blocked, and how often is FlyteAdmin asked?

The kit's trigger runs against a real FlyteAdmin with as many executions, all but a few of them queued; at
the end all are aborted at once, so that every wait has an event to deliver. The loop is that of a process of
its own, bench/waits.py, and watched as Airflow's triggerer watches its own.
"""

import json
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench import calls
from bench.result import Goal, Result
from bench.stand import Stand, tail, until
from sandbox import airflow
from sandbox.services import base_environment
from sandbox.state import root

WAITS, QUICK_WAITS = 1000, 100
INTERVAL_SECONDS, INTERVALS, QUICK_INTERVALS = 2.0, 20, 3
MOST_BLOCKED_SECONDS = 0.2
HOLD_SECONDS = 3600


def measure(stand: Stand) -> Result:
    """Start the executions, wait for them, and end them."""
    stand.up()
    count = QUICK_WAITS if stand.quick else WAITS
    intervals = QUICK_INTERVALS if stand.quick else INTERVALS
    client = stand.flyte()
    run = uuid.uuid4().hex[:8]
    names = [f"wait{run}{index:04}" for index in range(count)]
    stand.say(f"starting {count} executions")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: calls.create(client, "bench_hold", name, seconds=HOLD_SECONDS), names))
        stand.say(f"waiting for them in one event loop for {intervals * INTERVAL_SECONDS:g} s, then for their end")
        with Waits(stand, names, intervals) as waits:
            list(pool.map(lambda name: calls.terminate(client, name), reversed(names)))
            found = waits.result()
    client.close()
    most_calls = -(-count // 100)
    return Result(
        name="triggerer",
        values={"waits": count, "interval_seconds": INTERVAL_SECONDS, **found},
        goals=(
            Goal(f"longest time {count} waits blocked their loop", found["blocked_seconds"], MOST_BLOCKED_SECONDS, "s"),
            Goal("list calls an interval", found["most_calls_an_interval"], most_calls, "calls"),
        ),
    )


class Waits:
    """The process that waits; entering returns once its undisturbed part is over."""

    def __init__(self, stand: Stand, names: list[str], intervals: int) -> None:
        current = stand.state
        env = {**base_environment(current), **airflow.environment(current)}
        self._log = stand.folder / "waits.log"
        self._names = stand.folder / "waits.json"
        self._names.write_text(json.dumps(names))
        self._ready = stand.folder / "waits.ready"
        self._ready.unlink(missing_ok=True)
        own = [str(self._names), str(self._ready), str(INTERVAL_SECONDS), str(intervals)]
        with self._log.open("wb") as log:
            command = [sys.executable, "-m", "bench.waits", *own]
            self._process = subprocess.Popen(command, cwd=root(), env=env, stdout=subprocess.PIPE, stderr=log)

    def __enter__(self) -> "Waits":
        try:
            until(lambda: self._ready.exists() or self._process.poll() is not None, 300, "the waits' first part")
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.wait()

    def result(self) -> dict[str, Any]:
        """Return what it measured, once every wait is over."""
        out, _ = self._process.communicate(timeout=300)
        if self._process.returncode:
            raise RuntimeError(f"the waits failed:\n{tail(self._log)}")
        found: dict[str, Any] = json.loads(out.splitlines()[-1])
        return found
