"""The attempts at a node's task, or at one element of it, and what each left."""

import re
from dataclasses import dataclass
from pathlib import Path

from flyteidl.admin.task_execution_pb2 import TaskExecution
from flyteidl.core.execution_pb2 import ExecutionError
from flyteidl.core.identifier_pb2 import WorkflowExecutionIdentifier

from sandbox.flyteadmin.console.timeline import Span, span_of
from sandbox.flyteadmin.store import Store, tasks
from sandbox.flyteadmin.store.tasks import WHOLE, Attempt

_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\r(?=\n)")


@dataclass(frozen=True, kw_only=True)
class AttemptView:
    """One attempt; `name` is what its log and Deck are found by."""

    name: str
    number: int
    phase: str
    span: Span
    error: ExecutionError | None
    deck_uri: str
    finished: bool


def name_of(attempt: Attempt) -> str:
    """Return what an attempt's files are called."""
    number = attempt.id.attempt
    return str(number) if attempt.id.subtask == WHOLE else f"{attempt.id.subtask}-{number}"


def attempts_of(store: Store, key: int, node_id: str, subtask: int = WHOLE) -> list[AttemptView]:
    """Return the attempts at a task, or at one element of a map task."""
    records = {each.id.retry_attempt: each for each in store.tasks.of_node(key, node_id)}
    return [
        _view(each, records.get(each.id.attempt) if subtask == WHOLE else None)
        for each in store.attempts.of_node(key, node_id)
        if each.id.subtask == subtask
    ]


def find_attempt(store: Store, key: int, node_id: str, name: str) -> AttemptView | None:
    """Return the attempt of that name."""
    found = (each for each in store.attempts.of_node(key, node_id) if name_of(each) == name)
    return next((_view(each, None) for each in found), None)


def _view(attempt: Attempt, record: TaskExecution | None) -> AttemptView:
    # What an element's attempt took is nowhere stored: only its start is known.
    span = Span(attempt.started_at, attempt.started_at)
    if record is not None:
        span = span_of(record.closure, finished=record.closure.phase in tasks.FINISHED)
    return AttemptView(
        name=name_of(attempt),
        number=attempt.id.attempt + 1,
        phase=tasks.Phase.Name(attempt.phase),
        span=span,
        error=attempt.error,
        deck_uri=attempt.deck_uri,
        finished=attempt.finished,
    )


@dataclass(frozen=True)
class Log:
    """The end of a log, and how many bytes come before it."""

    text: str
    skipped: int


def log_place(execution: WorkflowExecutionIdentifier, node_id: str, attempt: str) -> tuple[str, ...]:
    """Return where a log is under the folder of all logs."""
    return execution.project, execution.domain, execution.name, node_id, attempt


def read_log(folder: Path, place: tuple[str, ...], limit: int) -> Log | None:
    """Return the last `limit` bytes of a log from a whole line on; None if there is no log."""
    root = folder.resolve()
    file = root.joinpath(*place).resolve()
    if not file.is_relative_to(root) or not file.is_file():
        return None
    with file.open("rb") as stream:
        skipped = max(0, stream.seek(0, 2) - limit)
        stream.seek(skipped)
        body = stream.read(limit)
    if skipped:
        partial = body.find(b"\n") + 1
        skipped, body = skipped + partial, body[partial:]
    return Log(_TERMINAL_CODES.sub("", body.decode(errors="replace")), skipped)
