"""Node executions."""

from dataclasses import dataclass
from typing import Any

from flyteidl.admin.common_pb2 import Sort
from flyteidl.admin.node_execution_pb2 import NodeExecution, NodeExecutionMetaData
from flyteidl.core import execution_pb2
from flyteidl.core.execution_pb2 import ExecutionError
from flyteidl.core.identifier_pb2 import NodeExecutionIdentifier
from flyteidl.core.literals_pb2 import LiteralMap
from sqlalchemy import ColumnElement, Row, select

from sandbox.flyteadmin import moments
from sandbox.flyteadmin.store.database import Database
from sandbox.flyteadmin.store.executions import COLUMNS as EXECUTION_COLUMNS
from sandbox.flyteadmin.store.filters import next_token, page
from sandbox.flyteadmin.store.tables import executions, node_executions

Phase = execution_pb2.NodeExecution.Phase
FINISHED = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.ABORTED, Phase.SKIPPED, Phase.TIMED_OUT, Phase.RECOVERED})
SUCCESSFUL = frozenset({Phase.SUCCEEDED, Phase.RECOVERED})

_PLAIN = [
    "node_id",
    "parent_id",
    "phase",
    "error_kind",
    "error_code",
    "created_at",
    "started_at",
    "updated_at",
    "duration",
]
COLUMNS: dict[str, ColumnElement[Any]] = {
    **{each: node_executions.c[each] for each in _PLAIN},
    **{f"execution.{name}": column for name, column in EXECUTION_COLUMNS.items() if "." not in name},
    **{f"execution_{each}": executions.c[each] for each in ("project", "domain", "name")},
    "node_execution_created_at": node_executions.c.created_at,
}


@dataclass(frozen=True)
class NodeRow:
    """One node execution as stored."""

    execution_key: int
    record: NodeExecution
    inputs: LiteralMap | None
    outputs: LiteralMap | None

    @property
    def phase(self) -> int:
        """Return the phase."""
        return int(self.record.closure.phase)

    @property
    def finished(self) -> bool:
        """Say whether the phase is terminal."""
        return self.phase in FINISHED


def _row(row: Row[Any]) -> NodeRow:
    return NodeRow(
        execution_key=row.execution_id,
        record=NodeExecution.FromString(row.record),
        inputs=None if row.inputs is None else LiteralMap.FromString(row.inputs),
        outputs=None if row.outputs is None else LiteralMap.FromString(row.outputs),
    )


class NodeStore:
    """Node executions by the key of their execution and their id in it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, key: int, identifier: NodeExecutionIdentifier, metadata: NodeExecutionMetaData, parent: str = ""
    ) -> NodeRow:
        """Add a queued node execution; one that is there already, from before a restart, is returned."""
        with self._database.transaction() as connection:
            existing = self.find(key, identifier.node_id)
            if existing is not None:
                return existing
            moment = moments.now()
            record = NodeExecution(id=identifier, metadata=metadata)
            record.closure.phase = Phase.QUEUED
            record.closure.created_at.CopyFrom(moments.timestamp(moment))
            record.closure.updated_at.CopyFrom(record.closure.created_at)
            connection.execute(
                node_executions.insert().values(
                    execution_id=key,
                    node_id=identifier.node_id,
                    parent_id=parent,
                    phase=Phase.Name(Phase.QUEUED),
                    created_at=moment,
                    updated_at=moment,
                    record=record.SerializeToString(),
                )
            )
        return NodeRow(key, record, None, None)

    def find(self, key: int, node_id: str) -> NodeRow | None:
        """Return a node execution if there is one."""
        query = select(node_executions).where(
            node_executions.c.execution_id == key, node_executions.c.node_id == node_id
        )
        with self._database.transaction() as connection:
            row = connection.execute(query).first()
        return None if row is None else _row(row)

    def get(self, key: int, node_id: str) -> NodeRow:
        """Return a node execution that is known to exist."""
        found = self.find(key, node_id)
        if found is None:
            raise LookupError(f"node execution {node_id} of execution {key}")
        return found

    def open_ids(self, key: int, under: str = "") -> list[str]:
        """Return the ids of unfinished nodes; only of `under` and the nodes inside it, where it is named."""
        columns = node_executions.c
        names = [Phase.Name(each) for each in FINISHED]
        query = select(columns.node_id).where(columns.execution_id == key, columns.phase.not_in(names))
        with self._database.transaction() as connection:
            found = list(connection.execute(query).scalars())
        return [each for each in found if not under or each == under or each.startswith(f"{under}-0-")]

    def set_phase(
        self,
        key: int,
        node_id: str,
        phase: int,
        *,
        inputs: LiteralMap | None = None,
        input_uri: str = "",
        outputs: LiteralMap | None = None,
        output_uri: str = "",
        error: ExecutionError | None = None,
    ) -> None:
        """Move a node execution on; a finished one stays as it is."""
        row = self.get(key, node_id)
        if row.finished:
            return
        values = _moved(row.record, phase, moments.now())
        if inputs is not None:
            values["inputs"] = inputs.SerializeToString()
        if outputs is not None:
            values["outputs"] = outputs.SerializeToString()
        if error is not None:
            row.record.closure.error.CopyFrom(error)
            values |= {"error_kind": ExecutionError.ErrorKind.Name(error.kind), "error_code": error.code}
        if input_uri:
            row.record.input_uri = input_uri
        if output_uri and error is None:
            row.record.closure.output_uri = output_uri
        self._write(key, node_id, row.record, values)

    def change(self, key: int, record: NodeExecution) -> None:
        """Store what was changed in a record beside its phase."""
        self._write(key, record.id.node_id, record, {})

    def _write(self, key: int, node_id: str, record: NodeExecution, values: dict[str, Any]) -> None:
        place = (node_executions.c.execution_id == key) & (node_executions.c.node_id == node_id)
        with self._database.transaction() as connection:
            connection.execute(
                node_executions.update().where(place).values(record=record.SerializeToString(), **values)
            )

    def list_page(
        self, key: int, parent: str, filters: str, sort_by: Sort, limit: int, token: str
    ) -> tuple[list[NodeExecution], str]:
        """Return a page of the nodes directly under a parent, the workflow itself if it is empty."""
        joined = node_executions.join(executions, executions.c.id == node_executions.c.execution_id)
        query = select(node_executions.c.record).select_from(joined)
        query = query.where(node_executions.c.execution_id == key, node_executions.c.parent_id == parent)
        query = page(
            query,
            columns=COLUMNS,
            entity="node_execution",
            filters=filters,
            sort_by=sort_by,
            limit=limit,
            token=token,
        )
        with self._database.transaction() as connection:
            found = [NodeExecution.FromString(record) for record in connection.execute(query).scalars()]
        return found, next_token(len(found), limit, token)


def _moved(record: NodeExecution, phase: int, moment: int) -> dict[str, Any]:
    values: dict[str, Any] = {"phase": Phase.Name(phase), "updated_at": moment}
    closure = record.closure
    closure.phase = phase
    closure.updated_at.CopyFrom(moments.timestamp(moment))
    if phase != Phase.QUEUED and not closure.HasField("started_at"):
        closure.started_at.CopyFrom(closure.updated_at)
        values["started_at"] = moment
    if phase in FINISHED:
        values["duration"] = moment - closure.started_at.ToNanoseconds()
        closure.duration.CopyFrom(moments.duration(values["duration"]))
    return values
