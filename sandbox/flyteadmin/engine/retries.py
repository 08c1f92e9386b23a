"""Whether a failed attempt is followed by another."""

from collections.abc import Sequence

from flyteidl.core.execution_pb2 import ExecutionError

from sandbox.flyteadmin.runner.results import Outcome
from sandbox.flyteadmin.store.tasks import Attempt, Phase

# As in FlytePropeller: failures of the system are retried apart from the retries a task states.
MAX_SYSTEM_FAILURES = 3
_FIRST_PAUSE_SECONDS = 0.5


def _failures(attempts: Sequence[Attempt], kind: int) -> int:
    return sum(
        each.phase == Phase.RETRYABLE_FAILED and each.error is not None and each.error.kind == kind for each in attempts
    )


def may_retry(before: Sequence[Attempt], outcome: Outcome, user_retries: int) -> bool:
    """Say whether an outcome is worth another attempt; `before` are the attempts that went ahead of it."""
    if not outcome.recoverable or outcome.error is None:
        return False
    allowed = MAX_SYSTEM_FAILURES if outcome.error.kind == ExecutionError.SYSTEM else user_retries
    return _failures(before, outcome.error.kind) < allowed


def pause_seconds(before: Sequence[Attempt]) -> float:
    """Return how long to wait: nothing after a user's failure, twice as long after each of the system's."""
    if not before or before[-1].error is None or before[-1].error.kind != ExecutionError.SYSTEM:
        return 0.0
    return _FIRST_PAUSE_SECONDS * float(2 ** (_failures(before, ExecutionError.SYSTEM) - 1))


def final_error(before: Sequence[Attempt], outcome: Outcome) -> ExecutionError:
    """Return the error a node fails with; after vain retries it says how many attempts there were."""
    error = ExecutionError()
    error.CopyFrom(outcome.error or ExecutionError(code="Unknown"))
    if outcome.recoverable:
        count = _failures(before, error.kind) + 1
        kind = ExecutionError.ErrorKind.Name(error.kind)
        error.code = f"RetriesExhausted|{error.code}"
        error.message = f"[{count}/{count}] currentAttempt done. Last Error: {kind}::{error.message}"
    return error
