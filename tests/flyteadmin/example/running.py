"""How things run: cached, retried, checkpointed, mapped, failing."""

import os
import signal
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

from flytekit import Resources, current_context, map_task, task, workflow
from flytekit.exceptions.user import FlyteRecoverableException

SMALL = Resources(cpu="500m", mem="10Mi")


@task(requests=SMALL, cache=True, cache_version="1", cache_ignore_input_vars=("salt",))
def cached(n: int, salt: str) -> int:
    """Return a number, from the cache the second time; the salt is no part of the key."""
    print(salt)
    return n + 1


@task(requests=SMALL, retries=2)
def counts_attempts(steps: int) -> str:
    """Fail recoverably until the checkpoint, carried from attempt to attempt, has all steps."""
    checkpoint = current_context().checkpoint
    before = (checkpoint.read() or b"").decode()
    now = before + "x"
    checkpoint.write(now.encode())
    if len(now) < steps:
        raise FlyteRecoverableException(f"only {len(now)} of {steps} steps")
    return now


@task(requests=SMALL)
def fails(message: str) -> None:
    """Fail for good."""
    raise ValueError(message)


@task(requests=SMALL)
def killed_once() -> str:
    """Die by a signal at the first attempt."""
    attempt = os.environ["FLYTE_ATTEMPT_NUMBER"]
    if attempt == "0":
        os.kill(os.getpid(), signal.SIGKILL)
    return attempt


@task(requests=SMALL)
def scaled(n: int, factor: int) -> int:
    """Multiply; an odd one out fails."""
    if n < 0:
        raise ValueError(f"{n} is negative")
    return n * factor


@workflow
def cached_wf(n: int, salt: str) -> int:
    """Run a cached task."""
    return cached(n=n, salt=salt)


@workflow
def attempts_wf(steps: int) -> str:
    """Run a task that needs several attempts."""
    return counts_attempts(steps=steps)


@workflow
def killed_wf() -> str:
    """Run a task whose process is killed."""
    return killed_once()


@workflow
def mapped_wf(numbers: list[int], factor: int) -> list[int]:
    """Map with a partial binding."""
    return map_task(partial(scaled, factor=factor), concurrency=2)(n=numbers)


@workflow
def lenient_wf(numbers: list[int]) -> list[int | None]:
    """Map with a minimum ratio of successes."""
    return map_task(partial(scaled, factor=2), min_success_ratio=0.5)(n=numbers)


@task(requests=SMALL)
def first(n: int) -> int:
    """Succeed."""
    return n


@task(requests=SMALL)
def breaks_once(n: int, flag: str) -> int:
    """Fail while a file named by `flag` is missing."""
    if not Path(flag).exists():
        raise ValueError(f"no {flag}")
    return n + 100


@workflow
def recoverable_wf(n: int, flag: str) -> int:
    """Fail at the second node until a file is there."""
    return breaks_once(n=first(n=n), flag=flag)


@task(requests=SMALL, timeout=timedelta(minutes=5))
def waits_for(flag: str, n: int) -> int:
    """Wait until a file is there."""
    while not Path(flag).exists():
        time.sleep(0.05)
    return n


@workflow
def waiting_wf(flag: str, n: int) -> int:
    """Wait for a file, then go on."""
    return first(n=waits_for(flag=flag, n=n))
