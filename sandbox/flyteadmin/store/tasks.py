"""Task executions, and the attempts behind them: one process each."""

from dataclasses import dataclass
from typing import Any

from flyteidl.admin.common_pb2 import Sort
from flyteidl.admin.task_execution_pb2 import TaskExecution
from flyteidl.core import execution_pb2
from flyteidl.core.execution_pb2 import ExecutionError
from flyteidl.core.identifier_pb2 import NodeExecutionIdentifier
from flyteidl.core.literals_pb2 import LiteralMap
from sqlalchemy import ColumnElement, Row, select

from sandbox.flyteadmin import moments
from sandbox.flyteadmin.store.database import Database
from sandbox.flyteadmin.store.executions import COLUMNS as EXECUTION_COLUMNS
from sandbox.flyteadmin.store.filters import next_token, page
from sandbox.flyteadmin.store.tables import attempts, executions, task_executions

Phase = execution_pb2.TaskExecution.Phase
FINISHED = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.ABORTED, Phase.RETRYABLE_FAILED})
WHOLE = -1  # the subtask index of a task that is no map task

_PLAIN = [
    "node_id",
    "retry_attempt",
    "phase",
    "error_kind",
    "error_code",
    "created_at",
    "started_at",
    "updated_at",
    "duration",
]
COLUMNS: dict[str, ColumnElement[Any]] = {
    **{each: task_executions.c[each] for each in _PLAIN},
    **{f"execution.{name}": column for name, column in EXECUTION_COLUMNS.items() if "." not in name},
    "task.name": task_executions.c.task_name,
    "task.version": task_executions.c.task_version,
    "node_execution.node_id": task_executions.c.node_id,
}


@dataclass(frozen=True, order=True)
class AttemptId:
    """Which process: its node, its place in a map task (or WHOLE) and how many went before."""

    execution_key: int
    node_id: str
    subtask: int
    attempt: int


@dataclass(frozen=True)
class Attempt:
    """One attempt as stored; it has ended when its phase is terminal."""

    id: AttemptId
    phase: int
    pid: int
    deck_uri: str
    started_at: int
    outputs: LiteralMap | None
    error: ExecutionError | None
    recoverable: bool
    timed_out: bool

    @property
    def finished(self) -> bool:
        """Say whether the phase is terminal."""
        return self.phase in FINISHED


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        id=AttemptId(row.execution_id, row.node_id, row.subtask, row.attempt),
        phase=Phase.Value(row.phase),
        pid=row.pid,
        deck_uri=row.deck_uri,
        started_at=row.started_at,
        outputs=None if row.outputs is None else LiteralMap.FromString(row.outputs),
        error=None if row.error is None else ExecutionError.FromString(row.error),
        recoverable=bool(row.recoverable),
        timed_out=bool(row.timed_out),
    )


class AttemptStore:
    """Attempts by their id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_node(self, key: int, node_id: str) -> list[Attempt]:
        """Return a node's attempts in order."""
        query = select(attempts).where(attempts.c.execution_id == key, attempts.c.node_id == node_id)
        query = query.order_by(attempts.c.subtask, attempts.c.attempt)
        with self._database.transaction() as connection:
            return [_attempt(row) for row in connection.execute(query)]

    def create(self, identifier: AttemptId) -> Attempt:
        """Add a queued attempt, or return it where it is there from before a restart."""
        with self._database.transaction() as connection:
            row = connection.execute(select(attempts).where(_is(identifier))).first()
            if row is None:
                values = dict(zip(("execution_id", "node_id", "subtask", "attempt"), _parts(identifier), strict=True))
                values |= {"phase": Phase.Name(Phase.QUEUED), "created_at": moments.now()}
                connection.execute(attempts.insert().values(**values))
                row = connection.execute(select(attempts).where(_is(identifier))).one()
        return _attempt(row)

    def change(self, identifier: AttemptId, phase: int, **values: Any) -> None:
        """Set the phase and other columns."""
        with self._database.transaction() as connection:
            changed = attempts.update().where(_is(identifier))
            connection.execute(changed.values(phase=Phase.Name(phase), **values))


def _parts(identifier: AttemptId) -> tuple[int, str, int, int]:
    return identifier.execution_key, identifier.node_id, identifier.subtask, identifier.attempt


def _is(identifier: AttemptId) -> ColumnElement[bool]:
    return (
        (attempts.c.execution_id == identifier.execution_key)
        & (attempts.c.node_id == identifier.node_id)
        & (attempts.c.subtask == identifier.subtask)
        & (attempts.c.attempt == identifier.attempt)
    )


class TaskExecutionStore:
    """Task executions as clients see them: one an attempt, and one for a whole map task."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, key: int, record: TaskExecution) -> None:
        """Store a record as it now is, its times kept in step with its phase."""
        moment = moments.now()
        closure, task = record.closure, record.id.task_id
        for field, due in _due(record):
            if due and not closure.HasField(field):
                getattr(closure, field).CopyFrom(moments.timestamp(moment))
        closure.updated_at.CopyFrom(moments.timestamp(moment))
        if closure.phase in FINISHED:
            closure.duration.CopyFrom(moments.duration(moment - closure.started_at.ToNanoseconds()))
        place = {
            "execution_id": key,
            "node_id": record.id.node_execution_id.node_id,
            "retry_attempt": record.id.retry_attempt,
        }
        values = {
            "task_name": task.name,
            "task_version": task.version,
            "phase": Phase.Name(closure.phase),
            "error_kind": ExecutionError.ErrorKind.Name(closure.error.kind) if closure.HasField("error") else "",
            "error_code": closure.error.code,
            "created_at": closure.created_at.ToNanoseconds(),
            "started_at": closure.started_at.ToNanoseconds(),
            "updated_at": moment,
            "duration": closure.duration.ToNanoseconds(),
            "record": record.SerializeToString(),
        }
        with self._database.transaction() as connection:
            changed = connection.execute(task_executions.update().filter_by(**place).values(**values))
            if not changed.rowcount:
                connection.execute(task_executions.insert().values(**place, **values))

    def find(self, key: int, node_id: str, retry_attempt: int) -> TaskExecution | None:
        """Return a task execution if there is one."""
        query = select(task_executions.c.record).filter_by(
            execution_id=key, node_id=node_id, retry_attempt=retry_attempt
        )
        with self._database.transaction() as connection:
            record = connection.execute(query).scalar()
        return None if record is None else TaskExecution.FromString(record)

    def of_node(self, key: int, node_id: str) -> list[TaskExecution]:
        """Return all task executions of a node, in order."""
        query = select(task_executions.c.record).filter_by(execution_id=key, node_id=node_id)
        with self._database.transaction() as connection:
            records = connection.execute(query.order_by(task_executions.c.retry_attempt)).scalars()
            return [TaskExecution.FromString(record) for record in records]

    def list_page(
        self, key: int, node: NodeExecutionIdentifier, filters: str, sort_by: Sort, limit: int, token: str
    ) -> tuple[list[TaskExecution], str]:
        """Return a page of a node's task executions and the next token."""
        joined = task_executions.join(executions, executions.c.id == task_executions.c.execution_id)
        query = select(task_executions.c.record).select_from(joined)
        query = query.where(task_executions.c.execution_id == key, task_executions.c.node_id == node.node_id)
        query = page(
            query,
            columns=COLUMNS,
            entity="task_execution",
            filters=filters,
            sort_by=sort_by,
            limit=limit,
            token=token,
        )
        with self._database.transaction() as connection:
            found = [TaskExecution.FromString(record) for record in connection.execute(query).scalars()]
        return found, next_token(len(found), limit, token)


def _due(record: TaskExecution) -> list[tuple[str, bool]]:
    started = record.closure.phase not in (Phase.QUEUED, Phase.WAITING_FOR_RESOURCES)
    return [("created_at", True), ("started_at", started)]
