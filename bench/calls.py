"""What the benchmarks ask of FlyteAdmin."""

from datetime import UTC, datetime

from flyteidl.admin.common_pb2 import ObjectGetRequest
from flyteidl.admin.execution_pb2 import (
    Execution,
    ExecutionCreateRequest,
    ExecutionSpec,
    ExecutionTerminateRequest,
    WorkflowExecutionGetRequest,
)
from flyteidl.admin.task_execution_pb2 import TaskExecution, TaskExecutionListRequest
from flyteidl.admin.task_pb2 import Task
from flyteidl.core.identifier_pb2 import (
    Identifier,
    NodeExecutionIdentifier,
    ResourceType,
    WorkflowExecutionIdentifier,
)
from flyteidl.core.literals_pb2 import Literal, LiteralMap, Primitive, Scalar
from tandem_flyte.client import AdminClient

from bench.stand import DOMAIN, PROJECT

VERSION = "bench"


def create(client: AdminClient, launch_plan: str, name: str, **inputs: int) -> None:
    """Start an execution of a launch plan with whole numbers as its inputs."""
    plan = Identifier(
        resource_type=ResourceType.LAUNCH_PLAN, project=PROJECT, domain=DOMAIN, name=launch_plan, version=VERSION
    )
    literals = {key: Literal(scalar=Scalar(primitive=Primitive(integer=value))) for key, value in inputs.items()}
    request = ExecutionCreateRequest(
        project=PROJECT,
        domain=DOMAIN,
        name=name,
        spec=ExecutionSpec(launch_plan=plan),
        inputs=LiteralMap(literals=literals),
    )
    client.call("CreateExecution", request)


def get(client: AdminClient, name: str) -> Execution:
    """Return an execution."""
    found: Execution = client.call("GetExecution", WorkflowExecutionGetRequest(id=_id(name)))
    return found


def created_at(client: AdminClient, name: str) -> datetime:
    """Return when FlyteAdmin received the call that made an execution."""
    found: datetime = get(client, name).closure.created_at.ToDatetime(UTC)
    return found


def terminate(client: AdminClient, name: str) -> None:
    """Abort an execution."""
    client.call("TerminateExecution", ExecutionTerminateRequest(id=_id(name), cause="the benchmark is over"))


def task_execution(client: AdminClient, name: str, node: str) -> TaskExecution:
    """Return the only attempt at a node's task."""
    node_id = NodeExecutionIdentifier(node_id=node, execution_id=_id(name))
    request = TaskExecutionListRequest(node_execution_id=node_id, limit=1)
    found: TaskExecution = client.call("ListTaskExecutions", request).task_executions[0]
    return found


def task(client: AdminClient, identifier: Identifier) -> Task:
    """Return a registered task."""
    found: Task = client.call("GetTask", ObjectGetRequest(id=identifier))
    return found


def _id(name: str) -> WorkflowExecutionIdentifier:
    return WorkflowExecutionIdentifier(project=PROJECT, domain=DOMAIN, name=name)
