"""One question for many waits: how do these executions stand?

A triggerer may hold thousands of waits. They share a poller per connection, project and domain, which asks
for a hundred executions a call, from threads, so that neither a slow answer nor the import of flyteidl
holds up the event loop.
"""

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from tandem_flyte.errors import FlyteAuthenticationError, FlyteUnavailableError
from tandem_flyte.status import Status

if TYPE_CHECKING:
    from tandem_flyte.hooks.flyte import FlyteHook

log = logging.getLogger(__name__)

BATCH_SIZE = 100
_LONGEST_PAUSE_SECONDS = 30.0
# An execution may be missing from one answer (a replica that lags); from three, it is not there.
_MISSES_ALLOWED = 3

Result = TypeVar("Result")
# What a wait is told: a new status, a sentence for its log, or the error that ends it.
News = Status | str | Exception


@dataclass(frozen=True)
class Place:
    """Where executions are awaited: the waits of one place share a poller."""

    flyte_conn_id: str
    project: str
    domain: str


@dataclass(eq=False)
class Watch:
    """One trigger's wait for one execution."""

    name: str
    interval: float
    news: asyncio.Queue[News] = field(default_factory=asyncio.Queue)
    phase: str | None = None
    misses: int = 0


class Poller:
    """Asks for the status of every execution that is awaited in one place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._watches: set[Watch] = set()
        self._task: asyncio.Task[None] | None = None
        self._hook: FlyteHook | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def watch(self, name: str, interval: float) -> AsyncIterator[Watch]:
        """Give a wait whose queue is told of every change, for as long as the block lasts."""
        watch = Watch(name=name, interval=interval)
        self._watches.add(watch)
        if self._task is None or self._task.done():
            # An empty context: the poller's log lines belong to no single trigger.
            self._task = asyncio.get_running_loop().create_task(self._poll(), context=contextvars.Context())
        try:
            yield watch
        finally:
            self._watches.discard(watch)

    async def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call one of the hook's methods from a thread."""
        hook = await self._open()
        return await in_thread(lambda: getattr(hook, method)(*args, **kwargs))

    async def _open(self) -> "FlyteHook":
        async with self._opening:
            if self._hook is None:
                self._hook = await in_thread(lambda: _make_hook(self._place))
            return self._hook

    async def _poll(self) -> None:
        try:
            while self._watches:
                await asyncio.sleep(min(watch.interval for watch in self._watches))
                names = sorted({watch.name for watch in self._watches})
                for start in range(0, len(names), BATCH_SIZE):
                    await self._ask(names[start : start + BATCH_SIZE])
        except Exception as error:
            log.exception("The poller of %s failed", self._place)
            self._tell(None, error)

    async def _ask(self, names: list[str]) -> None:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(FlyteUnavailableError),
            wait=wait_random_exponential(multiplier=0.5, max=_LONGEST_PAUSE_SECONDS),
            before_sleep=lambda state: self._tell(
                names, f"{state.outcome.exception() if state.outcome else 'no answer'}; still waiting"
            ),
        )
        try:
            statuses: dict[str, Status] = await retrying(self._statuses, names)
        except Exception as error:
            self._tell(names, error)
        else:
            self._report(names, statuses)

    async def _statuses(self, names: list[str]) -> dict[str, Status]:
        try:
            return dict(await self.call("statuses", names))
        except FlyteAuthenticationError:
            # The connection's secret may have been changed since it was read.
            self._hook = None
            return dict(await self.call("statuses", names))

    def _report(self, names: list[str], statuses: dict[str, Status]) -> None:
        for watch in self._among(names):
            status = statuses.get(watch.name)
            if status is None:
                watch.misses += 1
                if watch.misses >= _MISSES_ALLOWED:
                    watch.news.put_nowait(LookupError(f"Flyte knows no execution {watch.name!r}"))
                continue
            watch.misses = 0
            if status.phase != watch.phase:
                watch.phase = status.phase
                watch.news.put_nowait(status)

    def _tell(self, names: list[str] | None, news: News) -> None:
        for watch in self._among(names):
            watch.news.put_nowait(news)

    def _among(self, names: Iterable[str] | None) -> list[Watch]:
        wanted = None if names is None else set(names)
        return [watch for watch in self._watches if wanted is None or watch.name in wanted]


_pollers: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Place, Poller]]" = WeakKeyDictionary()


_warm_loops: "WeakSet[asyncio.AbstractEventLoop]" = WeakSet()


def shared_poller(place: Place) -> Poller:
    """Return the running event loop's poller of a place."""
    of_loop = _pollers.setdefault(asyncio.get_running_loop(), {})
    return of_loop.setdefault(place, Poller(place))


def warm_up(call: Callable[[], object]) -> None:
    """Make a call to Airflow's API in the background, once in each event loop.

    The first takes a triggerer several seconds, in which it makes its API client; a kill must not wait for them.
    """
    loop = asyncio.get_running_loop()
    if loop not in _warm_loops:
        _warm_loops.add(loop)
        loop.run_in_executor(_threads(), _quietly, call)


def _quietly(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception as error:
        log.debug("The first call to Airflow's API failed: %s", error)


async def in_thread(call: Callable[[], Result]) -> Result:
    """Return what a blocking call returns, run in one of the provider's own threads."""
    return await asyncio.get_running_loop().run_in_executor(_threads(), call)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=8, thread_name_prefix="tandem-flyte")


def _make_hook(place: Place) -> "FlyteHook":
    from tandem_flyte.hooks.flyte import FlyteHook

    return FlyteHook(place.flyte_conn_id, project=place.project, domain=place.domain)
