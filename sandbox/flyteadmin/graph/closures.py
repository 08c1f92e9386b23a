"""Reading compiled closures: which nodes are ready, what a node runs, how ids nest."""

from collections.abc import Collection, Iterator

from flyteidl.core.compiler_pb2 import CompiledWorkflow, CompiledWorkflowClosure
from flyteidl.core.identifier_pb2 import Identifier
from flyteidl.core.tasks_pb2 import TaskTemplate
from flyteidl.core.workflow_pb2 import Node

from sandbox.flyteadmin.graph import START
from sandbox.flyteadmin.graph.compiler import key_of


class ClosureIndex:
    """A compiled closure with its tasks and sub-workflows by identifier."""

    def __init__(self, closure: CompiledWorkflowClosure) -> None:
        self.primary = closure.primary
        self._tasks = {key_of(each.template.id): each.template for each in closure.tasks}
        self._workflows = {key_of(each.template.id): each for each in closure.sub_workflows}

    def task(self, identifier: Identifier) -> TaskTemplate:
        """Return a task's template."""
        return self._tasks[key_of(identifier)]

    def workflow(self, identifier: Identifier) -> CompiledWorkflow:
        """Return a sub-workflow."""
        return self._workflows[key_of(identifier)]


def ready(workflow: CompiledWorkflow, done: Collection[str], begun: Collection[str]) -> Iterator[Node]:
    """Yield the nodes whose upstream nodes are all done and that have not begun; the end node comes last."""
    for node in workflow.template.nodes:
        if node.id != START and node.id not in begun and all(each in done for each in node.upstream_node_ids):
            yield node


def child_id(parent: str, node_id: str) -> str:
    """Return the id, unique in its execution, of a node inside a parent node; `parent` is empty at the top."""
    return f"{parent}-0-{node_id}" if parent else node_id
