"""The queue for the machine's cores, memory and GPUs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields

from sandbox.flyteadmin.config import Capacity
from sandbox.flyteadmin.runner.resources import Request

_NAMES = [field.name for field in fields(Request)]
_UNITS = {"cpu": "cpu", "memory_mib": "MiB of memory", "gpus": "GPUs"}
_ROUNDING = 1e-6


class CapacityQueue:
    """First come, first served for each resource: who waits for a GPU keeps only those back who want one too."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._free = {name: float(getattr(capacity, name)) for name in _NAMES}
        self._waiting: dict[asyncio.Future[None], Request] = {}

    def never_fits(self, request: Request) -> str:
        """Return why a request can never be met, empty if it can."""
        short = [
            f"{getattr(request, name):g} {_UNITS[name]} (there are {getattr(self._capacity, name):g})"
            for name in _NAMES
            if getattr(request, name) > getattr(self._capacity, name) + _ROUNDING
        ]
        return f"the task requests more than this sandbox has: {', '.join(short)}" if short else ""

    @asynccontextmanager
    async def held(self, request: Request, *, already_running: bool = False) -> AsyncIterator[None]:
        """Hold resources; a process that runs already takes its own even beyond what is free."""
        if already_running:
            self._take(request, 1)
        else:
            await self._wait(request)
        try:
            yield
        finally:
            self._take(request, -1)
            self._admit()

    async def _wait(self, request: Request) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = request
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # admitted and cancelled at the same moment
                self._take(request, -1)
            raise
        finally:
            self._waiting.pop(turn, None)
            self._admit()

    def _take(self, request: Request, sign: int) -> None:
        for name in _NAMES:
            self._free[name] -= sign * getattr(request, name)

    def _admit(self) -> None:
        contested: set[str] = set()
        for turn, request in list(self._waiting.items()):
            wanted = {name for name in _NAMES if getattr(request, name)}
            short = {name for name in wanted if getattr(request, name) > self._free[name] + _ROUNDING}
            if short or wanted & contested:
                contested |= short
                continue
            self._take(request, 1)
            del self._waiting[turn]
            turn.set_result(None)
