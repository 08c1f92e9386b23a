"""Running the nodes of one workflow, or sub-workflow, as their inputs arrive."""

import asyncio
from collections.abc import Awaitable, Callable

from flyteidl.admin.node_execution_pb2 import NodeExecutionMetaData
from flyteidl.core.compiler_pb2 import CompiledWorkflow
from flyteidl.core.literals_pb2 import LiteralMap
from flyteidl.core.workflow_pb2 import Node, WorkflowMetadata

from sandbox.flyteadmin.engine.abort import abort_open_nodes
from sandbox.flyteadmin.engine.context import Run
from sandbox.flyteadmin.engine.failures import NodeFailedError, user_error
from sandbox.flyteadmin.graph import END, START
from sandbox.flyteadmin.graph.bindings import UnresolvedError, resolve_all
from sandbox.flyteadmin.graph.closures import child_id, ready
from sandbox.flyteadmin.store.nodes import Phase

RunNode = Callable[[Run, Node, str, str, LiteralMap], Awaitable[LiteralMap]]


class Scope:
    """One workflow in progress; `parent` is the id of the node it is inside of, empty at the top."""

    def __init__(
        self, run: Run, workflow: CompiledWorkflow, inputs: LiteralMap, parent: str, run_node: RunNode
    ) -> None:
        self._run = run
        self._workflow = workflow
        self._parent = parent
        self._run_node = run_node
        self._outputs: dict[str, LiteralMap] = {START: inputs}
        self._begun = {START}
        self._tasks: dict[asyncio.Task[LiteralMap], str] = {}
        self._failure: NodeFailedError | None = None

    async def outputs(self) -> LiteralMap:
        """Run every node and return the workflow's outputs."""
        self._passed(START, self._outputs[START])
        try:
            await self._all_nodes()
        except NodeFailedError:
            await self._cancel()
            await abort_open_nodes(self._run, "another node of the workflow failed", inside=self._parent)
            raise
        except BaseException:
            await self._cancel()
            raise
        return self._outputs[END]

    async def _all_nodes(self) -> None:
        self._begin_ready()
        while self._tasks:
            done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                self._collect(self._tasks.pop(task), task)
            self._begin_ready()
        if self._failure is not None:
            raise self._failure

    def _collect(self, node_id: str, task: asyncio.Task[LiteralMap]) -> None:
        try:
            self._outputs[node_id] = task.result()
        except NodeFailedError as failure:
            policy = self._workflow.template.metadata.on_failure
            if policy != WorkflowMetadata.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE:
                raise
            self._failure = self._failure or failure

    def _begin_ready(self) -> None:
        for node in ready(self._workflow, self._outputs, self._begun):
            self._begun.add(node.id)
            inputs = self._inputs(node)
            if node.id == END:
                self._outputs[END] = inputs
                self._passed(END, inputs)
            else:
                node_id = child_id(self._parent, node.id)
                running = self._run_node(self._run, node, node_id, self._parent, inputs)
                self._tasks[asyncio.ensure_future(running)] = node.id

    def _inputs(self, node: Node) -> LiteralMap:
        try:
            return resolve_all(node.inputs, self._outputs)
        except UnresolvedError as error:
            raise NodeFailedError(user_error("BindingResolutionError", f"node [{node.id}]: {error}")) from None

    def _passed(self, node_id: str, literals: LiteralMap) -> None:
        """Record the start or end node, which run nothing."""
        run, unique = self._run, child_id(self._parent, node_id)
        with run.store.database.transaction():
            metadata = NodeExecutionMetaData(spec_node_id=node_id)
            row = run.store.nodes.create(run.key, run.node_execution_id(unique), metadata, self._parent)
            if not row.finished:
                run.store.nodes.set_phase(run.key, unique, Phase.SUCCEEDED, outputs=literals)

    async def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
