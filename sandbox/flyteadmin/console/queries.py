"""What the pages ask of the store beyond what Flyte's own calls need: counts, pages with totals, whole trees."""

from collections import Counter, defaultdict

from flyteidl.admin.execution_pb2 import Execution, ExecutionClosure, ExecutionSpec
from flyteidl.admin.node_execution_pb2 import NodeExecution
from flyteidl.admin.task_execution_pb2 import TaskExecution
from flyteidl.core.identifier_pb2 import WorkflowExecutionIdentifier
from sqlalchemy import ColumnElement, func, select

from sandbox.flyteadmin.store import Store
from sandbox.flyteadmin.store.tables import executions, node_executions, task_executions


def phase_counts(store: Store) -> dict[tuple[str, str], Counter[str]]:
    """Return how many executions each project and domain has, by phase."""
    columns = executions.c
    query = select(columns.project, columns.domain, columns.phase, func.count())
    found: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    with store.database.transaction() as connection:
        grouped = connection.execute(query.group_by(columns.project, columns.domain, columns.phase))
        for project, domain, phase, count in grouped:
            found[project, domain][phase] = count
    return found


def latest(store: Store, limit: int, **wanted: str) -> list[Execution]:
    """Return the newest executions whose columns have these values."""
    return page_of(store, limit, 0, **wanted)[0]


def page_of(store: Store, limit: int, offset: int, **wanted: str) -> tuple[list[Execution], int]:
    """Return a page of executions, newest first, and how many there are in all; empty values do not filter."""
    columns = executions.c
    matches: list[ColumnElement[bool]] = [columns[name] == value for name, value in wanted.items() if value]
    query = select(columns.project, columns.domain, columns.name, columns.spec, columns.closure).where(*matches)
    query = query.order_by(columns.created_at.desc(), columns.id.desc()).limit(limit).offset(offset)
    with store.database.transaction() as connection:
        total = connection.execute(select(func.count()).select_from(executions).where(*matches)).scalar_one()
        found = [
            Execution(
                id=WorkflowExecutionIdentifier(project=row.project, domain=row.domain, name=row.name),
                spec=ExecutionSpec.FromString(row.spec),
                closure=ExecutionClosure.FromString(row.closure),
            )
            for row in connection.execute(query)
        ]
    return found, total


def launched(store: Store, project: str, domain: str) -> list[str]:
    """Return the names of the launch plans and tasks that were ever executed."""
    columns = executions.c
    query = select(columns.launch_name).where(columns.project == project, columns.domain == domain).distinct()
    with store.database.transaction() as connection:
        return sorted(connection.execute(query).scalars())


def node_records(store: Store, key: int) -> dict[str, list[NodeExecution]]:
    """Return an execution's nodes by the id of the node they are inside of, empty at the top."""
    columns = node_executions.c
    query = select(columns.parent_id, columns.record).where(columns.execution_id == key)
    found: defaultdict[str, list[NodeExecution]] = defaultdict(list)
    with store.database.transaction() as connection:
        for parent, record in connection.execute(query.order_by(columns.created_at)):
            found[parent].append(NodeExecution.FromString(record))
    return found


def task_records(store: Store, key: int) -> dict[str, list[TaskExecution]]:
    """Return an execution's task executions by node."""
    columns = task_executions.c
    query = select(columns.node_id, columns.record).where(columns.execution_id == key)
    found: defaultdict[str, list[TaskExecution]] = defaultdict(list)
    with store.database.transaction() as connection:
        for node_id, record in connection.execute(query.order_by(columns.retry_attempt)):
            found[node_id].append(TaskExecution.FromString(record))
    return found
