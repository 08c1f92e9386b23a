"""How a Flyte execution stands, in words that travel through Airflow's trigger events."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flyteidl.admin.execution_pb2 import Execution

SUCCEEDED = "SUCCEEDED"
TERMINAL = frozenset({SUCCEEDED, "FAILED", "ABORTED", "TIMED_OUT"})


@dataclass(frozen=True, kw_only=True)
class Status:
    """An execution's phase and, once it has failed, why."""

    name: str
    phase: str
    reason: str | None = None

    @property
    def is_terminal(self) -> bool:
        """Say whether the phase is one that Flyte never leaves."""
        return self.phase in TERMINAL

    @property
    def is_live(self) -> bool:
        """Say whether the execution can still succeed."""
        return not self.is_terminal and self.phase not in {"ABORTING", "FAILING"}


def read_status(execution: "Execution") -> Status:
    """Return the status of an execution that FlyteAdmin described."""
    from flyteidl.core.execution_pb2 import WorkflowExecution

    phase = WorkflowExecution.Phase.Name(execution.closure.phase)
    return Status(name=execution.id.name, phase=phase, reason=_reason(execution.closure, phase))


def _reason(closure: Any, phase: str) -> str | None:
    if phase == "ABORTED":
        by = closure.abort_metadata.principal or "somebody unnamed"
        cause = closure.abort_metadata.cause or closure.abort_cause or "no cause given"
        return f"aborted by {by}: {cause}"
    if phase in {"FAILED", "TIMED_OUT", "FAILING"} and closure.WhichOneof("output_result") == "error":
        return ": ".join(part for part in (closure.error.code, closure.error.message) if part)
    return None
