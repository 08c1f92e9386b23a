"""One node, whatever it is: recorded, recovered or run."""

from flyteidl.admin.execution_pb2 import ExecutionCreateRequest, ExecutionMetadata
from flyteidl.admin.node_execution_pb2 import NodeExecutionMetaData
from flyteidl.core.execution_pb2 import WorkflowExecution
from flyteidl.core.identifier_pb2 import WorkflowExecutionIdentifier
from flyteidl.core.literals_pb2 import LiteralMap
from flyteidl.core.workflow_pb2 import Node

from sandbox.flyteadmin.engine.arrays import run_array_node
from sandbox.flyteadmin.engine.context import Run
from sandbox.flyteadmin.engine.failures import NodeFailedError, user_error
from sandbox.flyteadmin.engine.launch import child_name
from sandbox.flyteadmin.engine.tasks import run_task_node
from sandbox.flyteadmin.engine.workflow import Scope
from sandbox.flyteadmin.errors import FlyteError
from sandbox.flyteadmin.store.executions import ExecutionRow, describe
from sandbox.flyteadmin.store.nodes import SUCCESSFUL, Phase


async def run_node(run: Run, node: Node, node_id: str, parent: str, inputs: LiteralMap) -> LiteralMap:
    """Return a node's outputs; one that is over, from before a restart, is not run again."""
    target = node.WhichOneof("target")
    sub_workflow = target == "workflow_node" and node.workflow_node.WhichOneof("reference") == "sub_workflow_ref"
    metadata = NodeExecutionMetaData(
        retry_group="0", spec_node_id=node.id, is_parent_node=sub_workflow, is_array=target == "array_node"
    )
    row = run.store.nodes.create(run.key, run.node_execution_id(node_id), metadata, parent)
    if row.phase in SUCCESSFUL:
        return row.outputs or LiteralMap()
    if row.finished:
        raise NodeFailedError(row.record.closure.error)
    recovered = run.recovered(node_id)
    if recovered is not None and recovered.phase in SUCCESSFUL:
        return _take_over(run, node_id, recovered.outputs or LiteralMap(), inputs)
    run.store.nodes.set_phase(run.key, node_id, Phase.QUEUED, inputs=inputs)
    if target == "task_node":
        return await run_task_node(run, node, node_id, inputs)
    if target == "array_node":
        return await run_array_node(run, node, node_id, inputs)
    if sub_workflow:
        return await _run_sub_workflow(run, node, node_id, inputs)
    return await _run_launch_plan(run, node, node_id, inputs)


def _take_over(run: Run, node_id: str, outputs: LiteralMap, inputs: LiteralMap) -> LiteralMap:
    run.store.nodes.set_phase(run.key, node_id, Phase.RECOVERED, inputs=inputs, outputs=outputs)
    return outputs


async def _run_sub_workflow(run: Run, node: Node, node_id: str, inputs: LiteralMap) -> LiteralMap:
    workflow = run.closure.workflow(node.workflow_node.sub_workflow_ref)
    run.store.nodes.set_phase(run.key, node_id, Phase.RUNNING)
    try:
        outputs = await Scope(run, workflow, inputs, node_id, run_node).outputs()
    except NodeFailedError as failure:
        run.store.nodes.set_phase(run.key, node_id, Phase.FAILED, error=failure.error)
        raise
    run.store.nodes.set_phase(run.key, node_id, Phase.SUCCEEDED, outputs=outputs)
    return outputs


async def _run_launch_plan(run: Run, node: Node, node_id: str, inputs: LiteralMap) -> LiteralMap:
    async with run.parallelism:
        try:
            key = _child(run, node, node_id, inputs)
        except FlyteError as problem:
            error = user_error("LaunchFailed", problem.message)
            run.store.nodes.set_phase(run.key, node_id, Phase.FAILED, error=error)
            raise NodeFailedError(error) from None
        child = await run.platform.executions.wait(key)
    if child.closure.phase == WorkflowExecution.SUCCEEDED:
        outputs = child.outputs or LiteralMap()
        run.store.nodes.set_phase(run.key, node_id, Phase.SUCCEEDED, outputs=outputs)
        return outputs
    error = child.closure.error
    if not error.message:
        cause = child.closure.abort_metadata.cause
        error = user_error("ChildExecutionAborted", f"{describe(child.id)} was aborted: {cause}")
    run.store.nodes.set_phase(run.key, node_id, Phase.FAILED, error=error)
    raise NodeFailedError(error)


def _child(run: Run, node: Node, node_id: str, inputs: LiteralMap) -> int:
    """Return the key of the execution that a launch-plan node started, starting it if need be."""
    record = run.store.nodes.get(run.key, node_id).record
    if record.closure.HasField("workflow_node_metadata"):
        return run.store.executions.get(record.closure.workflow_node_metadata.executionId).key
    with run.store.database.transaction():
        key, identifier = _start_child(run, node, node_id, inputs)
        record.closure.workflow_node_metadata.executionId.CopyFrom(identifier)
        run.store.nodes.change(run.key, record)
        run.store.nodes.set_phase(run.key, node_id, Phase.RUNNING)
    run.platform.executions.begin(key)
    return key


def _start_child(run: Run, node: Node, node_id: str, inputs: LiteralMap) -> tuple[int, WorkflowExecutionIdentifier]:
    spec, name = run.row.spec, child_name(run.row.id, node_id)
    parent = run.node_execution_id(node_id)
    source = _failed_child(run, node_id)
    if source is not None:
        return run.platform.launcher.recover(source, name, spec.metadata.principal, parent)
    request = ExecutionCreateRequest(project=run.row.id.project, domain=run.row.id.domain, name=name, inputs=inputs)
    request.spec.launch_plan.CopyFrom(node.workflow_node.launchplan_ref)
    request.spec.labels.CopyFrom(spec.labels)
    request.spec.annotations.CopyFrom(spec.annotations)
    request.spec.overwrite_cache = spec.overwrite_cache
    request.spec.envs.CopyFrom(spec.envs)
    metadata = ExecutionMetadata(
        mode=ExecutionMetadata.CHILD_WORKFLOW,
        principal=spec.metadata.principal,
        nesting=spec.metadata.nesting + 1,
        parent_node_execution=parent,
    )
    return run.platform.launcher.create(request, metadata)


def _failed_child(run: Run, node_id: str) -> ExecutionRow | None:
    """Return the child to recover, where the execution this one recovers had started it."""
    before = run.recovered(node_id)
    if before is None or not before.record.closure.HasField("workflow_node_metadata"):
        return None
    return run.store.executions.find(before.record.closure.workflow_node_metadata.executionId)
