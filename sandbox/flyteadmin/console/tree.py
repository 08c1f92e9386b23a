"""An execution's nodes as rows, those of sub-workflows under the node they are inside of."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from flyteidl.admin.node_execution_pb2 import NodeExecution
from flyteidl.admin.task_execution_pb2 import TaskExecution
from flyteidl.admin.workflow_pb2 import Workflow
from flyteidl.core.compiler_pb2 import CompiledWorkflow
from flyteidl.core.execution_pb2 import ExecutionError
from flyteidl.core.identifier_pb2 import Identifier, TaskExecutionIdentifier, WorkflowExecutionIdentifier
from flyteidl.core.workflow_pb2 import Node
from flyteidl.event.event_pb2 import ExternalResourceInfo

from sandbox.flyteadmin.console import queries, wording
from sandbox.flyteadmin.console.timeline import Span, span_of
from sandbox.flyteadmin.graph import END, START
from sandbox.flyteadmin.graph.closures import ClosureIndex, child_id
from sandbox.flyteadmin.store import Store, nodes, tasks
from sandbox.flyteadmin.store.executions import ExecutionRow

PENDING = "PENDING"


@dataclass(frozen=True, kw_only=True)
class Element:
    """One element of a map task."""

    index: int
    phase: str
    attempts: int
    cache: str


@dataclass(frozen=True, kw_only=True)
class NodeView:
    """One node; `record` is None where it has not begun, `bound_inputs` go whole to each element of a map."""

    id: str
    depth: int
    kind: str
    runs: Identifier
    bound_inputs: list[str]
    record: NodeExecution | None
    tasks: list[TaskExecution]

    @property
    def phase(self) -> str:
        """Return the phase, PENDING where it has not begun."""
        return nodes.Phase.Name(self.record.closure.phase) if self.record else PENDING

    @property
    def finished(self) -> bool:
        """Say whether it is over."""
        return self.record is not None and self.record.closure.phase in nodes.FINISHED

    @property
    def span(self) -> Span:
        """Return when it was queued, started and ended."""
        return span_of(self.record.closure, finished=self.finished) if self.record else Span()

    @property
    def error(self) -> ExecutionError | None:
        """Return why it failed."""
        return self.record.closure.error if self.record and self.record.closure.HasField("error") else None

    @property
    def cache(self) -> str:
        """Return what the cache had."""
        return wording.cache(self.record.closure.task_node_metadata.cache_status) if self.record else ""

    @property
    def cache_source(self) -> TaskExecutionIdentifier | None:
        """Return the task execution that a cache hit's outputs are from."""
        if self.record is None or self.cache != "hit":
            return None
        key = self.record.closure.task_node_metadata.catalog_key
        return key.source_task_execution if key.HasField("source_task_execution") else None

    @property
    def child(self) -> WorkflowExecutionIdentifier | None:
        """Return the execution that a launch-plan node started."""
        if self.record is None or not self.record.closure.HasField("workflow_node_metadata"):
            return None
        return self.record.closure.workflow_node_metadata.executionId

    @property
    def elements(self) -> list[Element]:
        """Return the elements of a map task."""
        if not self.tasks:
            return []
        resources = self.tasks[0].closure.metadata.external_resources
        return [_element(each) for each in resources]

    @property
    def element_counts(self) -> Counter[str]:
        """Return how many elements are in each phase."""
        return Counter(each.phase for each in self.elements)

    @property
    def attempts(self) -> int:
        """Return how many processes it took so far."""
        return sum(each.attempts for each in self.elements) if self.elements else len(self.tasks)


def _element(resource: ExternalResourceInfo) -> Element:
    cache = wording.cache(resource.cache_status)
    begun = resource.external_id != ""
    return Element(
        index=resource.index,
        phase=tasks.Phase.Name(resource.phase),
        attempts=resource.retry_attempt + 1 if begun else 0,
        cache=cache,
    )


class Tree:
    """The nodes of one execution, those to come included."""

    def __init__(self, store: Store, row: ExecutionRow) -> None:
        workflow: Workflow = store.entities.get(row.closure.workflow_id)
        self._index = ClosureIndex(workflow.closure.compiled_workflow)
        self._records = queries.node_records(store, row.key)
        self._tasks = queries.task_records(store, row.key)

    def rows(self) -> list[NodeView]:
        """Return all nodes, each before those inside it."""
        return list(self._inside(self._index.primary, "", 0))

    def find(self, node_id: str) -> NodeView | None:
        """Return one node."""
        return next((each for each in self.rows() if each.id == node_id), None)

    def _inside(self, workflow: CompiledWorkflow | None, parent: str, depth: int) -> Iterator[NodeView]:
        records = {each.id.node_id: each for each in self._records.get(parent, [])}
        planned = workflow.template.nodes if workflow else []
        for node in planned:
            node_id = child_id(parent, node.id)
            record = records.pop(node_id, None)
            if node.id not in (START, END):
                yield self._view(node_id, depth, node, record)
                yield from self._inside(self._sub_workflow(node), node_id, depth + 1)
        for node_id, record in records.items():
            if record.metadata.spec_node_id not in (START, END):
                yield self._view(node_id, depth, Node(), record)
                yield from self._inside(None, node_id, depth + 1)

    def _sub_workflow(self, node: Node) -> CompiledWorkflow | None:
        if node.workflow_node.WhichOneof("reference") != "sub_workflow_ref":
            return None
        return self._index.workflow(node.workflow_node.sub_workflow_ref)

    def _view(self, node_id: str, depth: int, node: Node, record: NodeExecution | None) -> NodeView:
        kind, runs = _target(node)
        return NodeView(
            id=node_id,
            depth=depth,
            kind=kind,
            runs=runs,
            bound_inputs=list(node.array_node.bound_inputs),
            record=record,
            tasks=self._tasks.get(node_id, []),
        )


def _target(node: Node) -> tuple[str, Identifier]:
    """Return what kind of thing a node runs, and which."""
    target = node.WhichOneof("target")
    if target == "task_node":
        return "task", node.task_node.reference_id
    if target == "array_node":
        return "map task", node.array_node.node.task_node.reference_id
    if target == "workflow_node":
        if node.workflow_node.WhichOneof("reference") == "sub_workflow_ref":
            return "sub-workflow", node.workflow_node.sub_workflow_ref
        return "launch plan", node.workflow_node.launchplan_ref
    return "", Identifier()
