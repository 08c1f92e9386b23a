"""Node and task executions."""

from flyteidl.admin import node_execution_pb2, task_execution_pb2
from flyteidl.admin.common_pb2 import FlyteURLs
from flyteidl.core.identifier_pb2 import NodeExecutionIdentifier, TaskExecutionIdentifier

from sandbox.flyteadmin.errors import not_found
from sandbox.flyteadmin.store import Store
from sandbox.flyteadmin.store.executions import describe
from sandbox.flyteadmin.store.nodes import NodeRow
from sandbox.flyteadmin.store.tasks import Phase


def flyte_urls(identifier: NodeExecutionIdentifier, attempt: int | None = None, *, deck: bool = False) -> FlyteURLs:
    """Return the short URLs under which GetData finds a node's, or an attempt's, inputs and outputs."""
    execution = identifier.execution_id
    base = f"flyte://v1/{execution.project}/{execution.domain}/{execution.name}/{identifier.node_id}"
    if attempt is not None:
        base += f"/{attempt}"
    return FlyteURLs(inputs=f"{base}/i", outputs=f"{base}/o", deck=f"{base}/d" if deck else "")


class NodeService:
    """Part of AdminService."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def node(self, identifier: NodeExecutionIdentifier) -> NodeRow:
        """Return a node execution."""
        execution = self._store.executions.get(identifier.execution_id)
        found = self._store.nodes.find(execution.key, identifier.node_id)
        if found is None:
            raise not_found(f"missing entity of type NODE_EXECUTION [{identifier.node_id}] of {describe(execution.id)}")
        return found

    def task(self, identifier: TaskExecutionIdentifier) -> tuple[NodeRow, task_execution_pb2.TaskExecution]:
        """Return a task execution and its node."""
        node = self.node(identifier.node_execution_id)
        node_id, attempt = identifier.node_execution_id.node_id, identifier.retry_attempt
        found = self._store.tasks.find(node.execution_key, node_id, attempt)
        if found is None:
            raise not_found(f"missing entity of type TASK_EXECUTION: attempt {attempt} of node [{node_id}]")
        return node, found

    def GetNodeExecution(
        self, request: node_execution_pb2.NodeExecutionGetRequest, _caller: str
    ) -> node_execution_pb2.NodeExecution:
        return self.node(request.id).record

    def GetNodeExecutionData(
        self, request: node_execution_pb2.NodeExecutionGetDataRequest, _caller: str
    ) -> node_execution_pb2.NodeExecutionGetDataResponse:
        row = self.node(request.id)
        return node_execution_pb2.NodeExecutionGetDataResponse(
            full_inputs=row.inputs,
            full_outputs=row.outputs,
            flyte_urls=flyte_urls(request.id, deck=bool(row.record.closure.deck_uri)),
        )

    def ListNodeExecutions(
        self, request: node_execution_pb2.NodeExecutionListRequest, _caller: str
    ) -> node_execution_pb2.NodeExecutionList:
        key = self._store.executions.get(request.workflow_execution_id).key
        found, token = self._store.nodes.list_page(
            key, request.unique_parent_id, request.filters, request.sort_by, request.limit, request.token
        )
        return node_execution_pb2.NodeExecutionList(node_executions=found, token=token)

    def GetTaskExecution(
        self, request: task_execution_pb2.TaskExecutionGetRequest, _caller: str
    ) -> task_execution_pb2.TaskExecution:
        return self.task(request.id)[1]

    def GetTaskExecutionData(
        self, request: task_execution_pb2.TaskExecutionGetDataRequest, _caller: str
    ) -> task_execution_pb2.TaskExecutionGetDataResponse:
        node, task = self.task(request.id)
        succeeded = task.closure.phase == Phase.SUCCEEDED
        return task_execution_pb2.TaskExecutionGetDataResponse(
            full_inputs=node.inputs,
            full_outputs=node.outputs if succeeded else None,
            flyte_urls=flyte_urls(request.id.node_execution_id, request.id.retry_attempt),
        )

    def ListTaskExecutions(
        self, request: task_execution_pb2.TaskExecutionListRequest, _caller: str
    ) -> task_execution_pb2.TaskExecutionList:
        node = self.node(request.node_execution_id)
        found, token = self._store.tasks.list_page(
            node.execution_key,
            request.node_execution_id,
            request.filters,
            request.sort_by,
            request.limit,
            request.token,
        )
        return task_execution_pb2.TaskExecutionList(task_executions=found, token=token)
