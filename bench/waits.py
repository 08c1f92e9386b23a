"""Many of the kit's triggers in one event loop; run by bench/triggerer.py as a process of its own."""

import asyncio
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

import grpc
from tandem_flyte.client import AdminClient
from tandem_flyte.triggers.flyte import FlyteTrigger

from components import naming

# As Airflow's triggerer watches its loop.
WATCH_SECONDS = 0.1
IDLE_SECONDS = 3.0


class Watchdog:
    """The longest time the loop was late."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._task = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(WATCH_SECONDS)
            self.worst = max(self.worst, time.monotonic() - before - WATCH_SECONDS)

    def stop(self) -> float:
        """Return the seconds."""
        self._task.cancel()
        return self.worst


class ListCalls:
    """Notes every list call by its time; apart from them, those refused because the client had yet to sign in."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.refused = 0

    def __enter__(self) -> "ListCalls":
        real = AdminClient._call_once

        def noting(client: AdminClient, method: str, *args: Any) -> Any:
            began = time.monotonic()
            try:
                answer = real(client, method, *args)
            except grpc.RpcError as error:
                self._note(method, began, is_refused=error.code() is grpc.StatusCode.UNAUTHENTICATED)
                raise
            self._note(method, began, is_refused=False)
            return answer

        self._patched = mock.patch.object(AdminClient, "_call_once", noting)
        self._patched.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._patched.stop()

    def _note(self, method: str, began: float, *, is_refused: bool) -> None:
        if method == "ListExecutions" and is_refused:
            self.refused += 1
        elif method == "ListExecutions":
            self.times.append(began)


async def wait(name: str, interval: float) -> str:
    """Wait for one execution as the triggerer does; returns its phase, or the error that ended the wait."""
    trigger = FlyteTrigger(
        flyte_conn_id=naming.FLYTE_CONNECTION,
        project=naming.FLYTE_PROJECT,
        domain=naming.FLYTE_DOMAINS[0],
        execution_name=name,
        poll_interval=interval,
        owner="bench",
    )
    async for event in trigger.run():
        return str(event.payload.get("phase") or event.payload)
    return "no event"


async def measure(names: list[str], ready: Path, interval: float, intervals: int) -> dict[str, Any]:
    """Run all waits to their end."""
    idle = Watchdog()
    await asyncio.sleep(IDLE_SECONDS)
    idle_blocked = idle.stop()
    watchdog = Watchdog()
    with ListCalls() as calls:
        waits = [asyncio.create_task(wait(name, interval)) for name in names]
        await asyncio.sleep(interval * intervals)
        waiting_blocked, waiting = watchdog.worst, len(calls.times)
        await asyncio.to_thread(ready.touch)
        ends = await asyncio.gather(*waits)
    if wrong := [end for end in ends if end != "ABORTED"]:
        raise RuntimeError(f"{len(wrong)} waits ended otherwise than their executions: {wrong[0]}")
    return {
        "blocked_seconds": watchdog.stop(),
        "blocked_seconds_before_the_end": waiting_blocked,
        "blocked_seconds_without_waits": idle_blocked,
        "most_calls_an_interval": most_within(calls.times, interval),
        "calls_before_the_end": waiting,
        "calls": len(calls.times),
        "calls_before_signing_in": calls.refused,
    }


def most_within(times: list[float], seconds: float) -> int:
    """Return the largest number of calls in any span of so many seconds."""
    return max((sum(start <= time < start + seconds for time in times) for start in times), default=0)


def main() -> None:
    """Print the measured values as JSON."""
    names, ready, interval, intervals = sys.argv[1:]
    logging.basicConfig(level=logging.WARNING)
    found = asyncio.run(measure(json.loads(Path(names).read_text()), Path(ready), float(interval), int(intervals)))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
