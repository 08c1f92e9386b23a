"""What decides when and how often a process runs: resources, the capacity queue, retries, exit statuses."""

import asyncio

import pytest
from flyteidl.core.execution_pb2 import ExecutionError
from flyteidl.core.tasks_pb2 import Resources

from sandbox.flyteadmin.config import Capacity
from sandbox.flyteadmin.engine.retries import final_error, may_retry, pause_seconds
from sandbox.flyteadmin.runner.capacity import CapacityQueue
from sandbox.flyteadmin.runner.resources import Request, quantity, request_of
from sandbox.flyteadmin.runner.results import failure, of_status
from sandbox.flyteadmin.store.tasks import Attempt, AttemptId, Phase

NAMES = Resources.ResourceName
USER, SYSTEM = ExecutionError.USER, ExecutionError.SYSTEM


@pytest.mark.parametrize(
    ("text", "number"), [("500m", 0.5), ("2", 2), ("1.5", 1.5), ("2Gi", 2 * 2**30), ("3M", 3e6), ("1k", 1e3)]
)
def test_quantity(text: str, number: float) -> None:
    """Kubernetes quantities."""
    assert quantity(text) == pytest.approx(number)


@pytest.mark.parametrize("text", ["much", "1X", "Gi", "1mm"])
def test_no_quantity(text: str) -> None:
    """What is none is refused."""
    with pytest.raises(ValueError, match=r"quantity|float"):
        quantity(text)


def test_requests() -> None:
    """No statement is one core; a limit stands in for a request."""
    assert request_of(Resources()) == Request(cpu=1.0, memory_mib=0, gpus=0)
    stated = Resources(
        requests=[{"name": NAMES.CPU, "value": "20m"}],
        limits=[{"name": NAMES.CPU, "value": "4"}, {"name": NAMES.GPU, "value": "1"}],
    )
    assert request_of(stated) == Request(cpu=0.02, memory_mib=0, gpus=1)


class Holder:
    """Tasks that take resources and give them back when told."""

    def __init__(self, capacity: Capacity) -> None:
        self.queue = CapacityQueue(capacity)
        self.running: list[str] = []
        self._over: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def begin(self, name: str, request: Request, *, already_running: bool = False) -> None:
        """Ask for resources."""
        self._over[name] = asyncio.Event()

        async def hold() -> None:
            async with self.queue.held(request, already_running=already_running):
                self.running.append(name)
                await self._over[name].wait()
                self.running.remove(name)

        self._tasks[name] = asyncio.create_task(hold())
        await self.settle()

    async def end(self, name: str) -> None:
        """Give them back."""
        self._over[name].set()
        await self.settle()

    async def cancel(self, name: str) -> None:
        """Stop asking for them."""
        self._tasks[name].cancel()
        await self.settle()

    @staticmethod
    async def settle() -> None:
        """Let every task go as far as it can."""
        for _ in range(5):
            await asyncio.sleep(0)


async def test_small_tasks_share_cores() -> None:
    """Forty tasks of 20m run at once on two cores."""
    holder = Holder(Capacity(cpu=2, memory_mib=100))
    for number in range(40):
        await holder.begin(str(number), Request(cpu=0.02))
    assert len(holder.running) == 40


async def test_first_come_first_served_for_each_resource() -> None:
    """Who waits for cores is not overtaken by smaller ones; who waits for a GPU keeps no others from cores."""
    holder = Holder(Capacity(cpu=2, memory_mib=100, gpus=1))
    await holder.begin("gpu-1", Request(cpu=0.5, gpus=1))
    await holder.begin("gpu-2", Request(cpu=0.5, gpus=1))
    await holder.begin("small", Request(cpu=0.5))
    assert holder.running == ["gpu-1", "small"]
    await holder.begin("large", Request(cpu=2))
    await holder.begin("late", Request(cpu=0.5))
    assert holder.running == ["gpu-1", "small"]
    await holder.end("gpu-1")
    assert "gpu-2" in holder.running
    await holder.cancel("large")
    assert "late" in holder.running


async def test_adopted_processes_take_what_they_have() -> None:
    """After a restart they count even beyond what there is, and others wait for them."""
    holder = Holder(Capacity(cpu=1, memory_mib=100))
    await holder.begin("adopted", Request(cpu=3), already_running=True)
    await holder.begin("waits", Request(cpu=1))
    assert holder.running == ["adopted"]
    await holder.end("adopted")
    assert holder.running == ["waits"]


def test_never_fits() -> None:
    """Says what is asked for and what there is."""
    queue = CapacityQueue(Capacity(cpu=2, memory_mib=100, gpus=0))
    assert not queue.never_fits(Request(cpu=2))
    said = queue.never_fits(Request(cpu=3, memory_mib=200, gpus=1))
    assert "3 cpu (there are 2), 200 MiB of memory (there are 100), 1 GPUs (there are 0)" in said


def attempt(number: int, kind: int) -> Attempt:
    """Return an attempt that failed and was retried."""
    error = ExecutionError(code="X", message="m", kind=kind)
    identifier = AttemptId(1, "n0", -1, number)
    return Attempt(identifier, Phase.RETRYABLE_FAILED, 0, "", 0, None, error, True, False)


def test_user_and_system_failures_are_counted_apart() -> None:
    """Three failures of the system come on top of the retries a task states."""
    user = failure("X", "m", recoverable=True)
    system = failure("X", "m", SYSTEM, recoverable=True)
    before = [attempt(0, SYSTEM), attempt(1, SYSTEM), attempt(2, USER)]
    assert may_retry(before, system, user_retries=0)
    assert not may_retry([*before, attempt(3, SYSTEM)], system, user_retries=5)
    assert may_retry(before, user, user_retries=2)
    assert not may_retry(before, user, user_retries=1)
    assert not may_retry([], failure("X", "m"), user_retries=5)


def test_pauses_grow_for_the_system_only() -> None:
    """A user's failure is retried at once."""
    assert pause_seconds([attempt(0, USER)]) == 0
    assert pause_seconds([attempt(0, SYSTEM), attempt(1, SYSTEM)]) == 2 * pause_seconds([attempt(0, SYSTEM)]) > 0


def test_final_error() -> None:
    """Retries in vain are said; a failure for good is told as it is."""
    error = final_error([attempt(0, USER)], failure("X", "m", recoverable=True))
    assert (error.code, error.message) == ("RetriesExhausted|X", "[2/2] currentAttempt done. Last Error: USER::m")
    assert final_error([], failure("X", "m")).code == "X"


@pytest.mark.parametrize(
    ("status", "is_flytekit", "kind", "text"),
    [
        (None, False, SYSTEM, "lost"),
        (137, False, SYSTEM, "signal 9"),
        (247, True, SYSTEM, "signal 9"),
        (3, False, USER, "status 3"),
        (1, True, SYSTEM, "status 1"),
    ],
)
def test_exit_statuses(status: int | None, is_flytekit: bool, kind: int, text: str) -> None:
    """What a process that reported nothing is taken to have died of."""
    outcome = of_status(status, is_flytekit=is_flytekit)
    assert outcome.error is not None
    assert (outcome.error.kind, outcome.recoverable) == (kind, True)
    assert text in outcome.error.message
