"""Executions: their rows, and how a phase changes both the row and the closure a client sees."""

from dataclasses import dataclass
from typing import Any

from flyteidl.admin.common_pb2 import NamedEntityIdentifier, Sort
from flyteidl.admin.execution_pb2 import AbortMetadata, Execution, ExecutionClosure, ExecutionSpec
from flyteidl.core.execution_pb2 import ExecutionError, WorkflowExecution
from flyteidl.core.identifier_pb2 import Identifier, ResourceType, WorkflowExecutionIdentifier
from flyteidl.core.literals_pb2 import LiteralMap
from sqlalchemy import ColumnElement, Row, select

from sandbox.flyteadmin import moments
from sandbox.flyteadmin.errors import already_exists, not_found
from sandbox.flyteadmin.store.database import Database
from sandbox.flyteadmin.store.filters import next_token, page
from sandbox.flyteadmin.store.tables import executions

Phase = WorkflowExecution.Phase
TERMINAL = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.ABORTED, Phase.TIMED_OUT})
_TERMINAL_NAMES = [Phase.Name(each) for each in TERMINAL]

_PLAIN = [
    "project",
    "domain",
    "name",
    "phase",
    "mode",
    "state",
    "user",
    "error_kind",
    "error_code",
    "created_at",
    "started_at",
    "updated_at",
    "duration",
]
COLUMNS: dict[str, ColumnElement[Any]] = {
    **{each: executions.c[each] for each in _PLAIN},
    **{f"execution_{each}": executions.c[each] for each in ("project", "domain", "name", "created_at")},
    "launch_plan.name": executions.c.launch_name,
    "launch_plan.version": executions.c.launch_version,
    "launch_plan.project": executions.c.project,
    "launch_plan.domain": executions.c.domain,
    "workflow.name": executions.c.workflow_name,
    "workflow.version": executions.c.workflow_version,
    "workflow.project": executions.c.project,
    "workflow.domain": executions.c.domain,
    "task.name": executions.c.task_name,
    "task.version": executions.c.launch_version,
}


@dataclass(frozen=True)
class ExecutionRow:
    """One execution as stored."""

    key: int
    id: WorkflowExecutionIdentifier
    spec: ExecutionSpec
    closure: ExecutionClosure
    inputs: LiteralMap
    outputs: LiteralMap | None

    @property
    def message(self) -> Execution:
        """Return the message a client gets."""
        return Execution(id=self.id, spec=self.spec, closure=self.closure)

    @property
    def finished(self) -> bool:
        """Say whether its phase is terminal."""
        return self.closure.phase in TERMINAL


def _row(row: Row[Any]) -> ExecutionRow:
    return ExecutionRow(
        key=row.id,
        id=WorkflowExecutionIdentifier(project=row.project, domain=row.domain, name=row.name),
        spec=ExecutionSpec.FromString(row.spec),
        closure=ExecutionClosure.FromString(row.closure),
        inputs=LiteralMap.FromString(row.inputs),
        outputs=None if row.outputs is None else LiteralMap.FromString(row.outputs),
    )


def describe(identifier: WorkflowExecutionIdentifier) -> str:
    """Return an execution's identifier in words."""
    return f"execution [{identifier.project}:{identifier.domain}:{identifier.name}]"


class ExecutionStore:
    """Executions by identifier, and by the key that other tables know them by."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, identifier: WorkflowExecutionIdentifier, spec: ExecutionSpec, workflow: Identifier, inputs: LiteralMap
    ) -> int:
        """Add a queued execution and return its key; the name must be free."""
        moment = moments.now()
        closure = ExecutionClosure(phase=Phase.QUEUED, workflow_id=workflow)
        closure.created_at.CopyFrom(moments.timestamp(moment))
        closure.updated_at.CopyFrom(closure.created_at)
        closure.notifications.extend(spec.notifications.notifications)
        launched = spec.launch_plan
        with self._database.transaction() as connection:
            if self.find(identifier) is not None:
                raise already_exists(f"{describe(identifier)} already exists: an entity with that name is stored")
            made = connection.execute(
                executions.insert().values(
                    project=identifier.project,
                    domain=identifier.domain,
                    name=identifier.name,
                    phase=Phase.Name(Phase.QUEUED),
                    mode=spec.metadata.mode,
                    user=spec.metadata.principal,
                    launch_name=launched.name,
                    launch_version=launched.version,
                    workflow_name=workflow.name,
                    workflow_version=workflow.version,
                    task_name=launched.name if launched.resource_type == ResourceType.TASK else "",
                    created_at=moment,
                    updated_at=moment,
                    spec=spec.SerializeToString(),
                    closure=closure.SerializeToString(),
                    inputs=inputs.SerializeToString(),
                )
            )
        return int(made.lastrowid)

    def find(self, identifier: WorkflowExecutionIdentifier) -> ExecutionRow | None:
        """Return an execution if there is one of that name."""
        query = select(executions).where(
            executions.c.project == identifier.project,
            executions.c.domain == identifier.domain,
            executions.c.name == identifier.name,
        )
        with self._database.transaction() as connection:
            row = connection.execute(query).first()
        return None if row is None else _row(row)

    def get(self, identifier: WorkflowExecutionIdentifier) -> ExecutionRow:
        """Return an execution."""
        found = self.find(identifier)
        if found is None:
            raise not_found(f"missing entity of type {describe(identifier)}")
        return found

    def by_key(self, key: int) -> ExecutionRow:
        """Return an execution by its key."""
        with self._database.transaction() as connection:
            return _row(connection.execute(select(executions).where(executions.c.id == key)).one())

    def unfinished(self) -> list[int]:
        """Return the keys of the executions that are not over, oldest first."""
        query = select(executions.c.id).where(executions.c.phase.not_in(_TERMINAL_NAMES))
        with self._database.transaction() as connection:
            return list(connection.execute(query.order_by(executions.c.id)).scalars())

    def list_page(
        self, scope: NamedEntityIdentifier, filters: str, sort_by: Sort, limit: int, token: str
    ) -> tuple[list[Execution], str]:
        """Return a page of executions and the next token."""
        columns = executions.c
        query = select(columns.project, columns.domain, columns.name, columns.spec, columns.closure)
        for field in ("project", "domain", "name"):
            if value := getattr(scope, field):
                query = query.where(columns[field] == value)
        query = page(
            query,
            columns=COLUMNS,
            entity="execution",
            filters=filters,
            sort_by=sort_by,
            limit=limit,
            token=token,
        )
        with self._database.transaction() as connection:
            found = [
                Execution(
                    id=WorkflowExecutionIdentifier(project=row.project, domain=row.domain, name=row.name),
                    spec=ExecutionSpec.FromString(row.spec),
                    closure=ExecutionClosure.FromString(row.closure),
                )
                for row in connection.execute(query)
            ]
        return found, next_token(len(found), limit, token)

    def set_phase(
        self,
        key: int,
        phase: int,
        *,
        error: ExecutionError | None = None,
        outputs: LiteralMap | None = None,
        abort: AbortMetadata | None = None,
    ) -> ExecutionRow:
        """Move an execution on; a finished one stays as it is."""
        with self._database.transaction() as connection:
            row = self.by_key(key)
            if row.finished:
                return row
            moment = moments.now()
            values = _moved(row.closure, phase, moment)
            if error is not None:
                row.closure.error.CopyFrom(error)
                values |= {"error_kind": ExecutionError.ErrorKind.Name(error.kind), "error_code": error.code}
            if abort is not None:
                row.closure.abort_metadata.CopyFrom(abort)
            if outputs is not None:
                values["outputs"] = outputs.SerializeToString()
            values["closure"] = row.closure.SerializeToString()
            connection.execute(executions.update().where(executions.c.id == key).values(**values))
            return self.by_key(key)

    def set_state(self, identifier: WorkflowExecutionIdentifier, state: int, user: str) -> None:
        """Archive an execution or take it back."""
        row = self.get(identifier)
        change = row.closure.state_change_details
        change.state, change.principal = state, user
        change.occurred_at.CopyFrom(moments.timestamp(moments.now()))
        values = {"state": state, "closure": row.closure.SerializeToString()}
        with self._database.transaction() as connection:
            connection.execute(executions.update().where(executions.c.id == row.key).values(**values))


def _moved(closure: ExecutionClosure, phase: int, moment: int) -> dict[str, Any]:
    values: dict[str, Any] = {"phase": Phase.Name(phase), "updated_at": moment}
    closure.phase = phase
    closure.updated_at.CopyFrom(moments.timestamp(moment))
    if phase == Phase.RUNNING and not closure.HasField("started_at"):
        closure.started_at.CopyFrom(closure.updated_at)
        values["started_at"] = moment
    if phase in TERMINAL:
        began = closure.started_at if closure.HasField("started_at") else closure.created_at
        values["duration"] = moment - began.ToNanoseconds()
        closure.duration.CopyFrom(moments.duration(values["duration"]))
    return values
