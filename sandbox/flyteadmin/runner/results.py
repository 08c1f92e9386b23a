"""What an attempt left in S3, and what that means for a retry."""

from dataclasses import dataclass

from flyteidl.core.errors_pb2 import ContainerError, ErrorDocument
from flyteidl.core.execution_pb2 import ExecutionError
from flyteidl.core.literals_pb2 import LiteralMap

from sandbox.flyteadmin.storage import Storage

USER, SYSTEM = ExecutionError.USER, ExecutionError.SYSTEM
DYNAMIC = "dynamic workflows (@dynamic)"
_SHELL_KILLED, _PYTHON_KILLED = 128, 192


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an attempt ended: outputs, or an error and whether another attempt may help."""

    outputs: LiteralMap | None = None
    error: ExecutionError | None = None
    recoverable: bool = False
    deck_uri: str = ""
    timed_out: bool = False


def failure(code: str, message: str, kind: int = USER, *, recoverable: bool = False) -> Outcome:
    """Return a failed outcome."""
    return Outcome(error=ExecutionError(code=code, message=message, kind=kind), recoverable=recoverable)


def of_status(status: int | None, *, is_flytekit: bool) -> Outcome:
    """Judge an attempt that wrote neither outputs nor an error by its exit status alone."""
    if status is None:
        return failure("Interrupted", "the task's process was lost", SYSTEM, recoverable=True)
    if status > _SHELL_KILLED:
        # A shell adds 128 to the signal's number; Python's exit of a child's negative status wraps around.
        number = status - _SHELL_KILLED if status < _PYTHON_KILLED else 256 - status
        message = f"the task's process was killed by signal {number}"
        return failure("Interrupted", message, SYSTEM, recoverable=True)
    if is_flytekit:
        # flytekit reports what user code does in error.pb: without one it was kept from reading or writing S3.
        message = f"flytekit ended with status {status} and reported nothing; see the task's log"
        return failure("UnexpectedExit", message, SYSTEM, recoverable=True)
    return failure("NonZeroExit", f"the container's command ended with status {status}", recoverable=True)


async def read_outcome(storage: Storage, prefix: str, uri: str) -> Outcome | None:
    """Read what flytekit wrote under an output prefix, None if it wrote nothing; `uri` is of the error."""
    names = await storage.names(prefix)
    deck = f"{prefix}/deck.html" if "deck.html" in names else ""
    if "error.pb" in names:
        document = ErrorDocument.FromString(await storage.get(f"{prefix}/error.pb"))
        return _reported(document.error, uri, deck)
    if "outputs.pb" in names:
        outputs = LiteralMap.FromString(await storage.get(f"{prefix}/outputs.pb"))
        return Outcome(outputs=outputs, deck_uri=deck)
    if "futures.pb" in names:
        return failure("Unimplemented", f"{DYNAMIC}: not part of the embedded FlyteAdmin; use a Flyte cluster")
    return None


def _reported(found: ContainerError, uri: str, deck: str) -> Outcome:
    error = ExecutionError(
        code=found.code, message=found.message, kind=found.origin or USER, error_uri=uri, worker=found.worker
    )
    if found.HasField("timestamp"):
        error.timestamp.CopyFrom(found.timestamp)
    return Outcome(error=error, recoverable=found.kind == ContainerError.RECOVERABLE, deck_uri=deck)
