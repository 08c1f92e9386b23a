"""A workflow of one node, for an execution that names a task."""

from flyteidl.admin.workflow_pb2 import WorkflowSpec
from flyteidl.core.identifier_pb2 import Identifier, ResourceType
from flyteidl.core.interface_pb2 import VariableMap
from flyteidl.core.literals_pb2 import Binding, BindingData
from flyteidl.core.tasks_pb2 import TaskTemplate
from flyteidl.core.types_pb2 import OutputReference
from flyteidl.core.workflow_pb2 import Node, NodeMetadata, TaskNode, WorkflowTemplate

MAX_NODE_ID = 63
GENERATED_PREFIX = ".flytegen."


def _bindings(variables: VariableMap, node_id: str) -> list[Binding]:
    return [
        Binding(var=name, binding=BindingData(promise=OutputReference(node_id=node_id, var=name)))
        for name in variables.variables
    ]


def node_name(task_name: str) -> str:
    """Return the id of the only node: the end of the task's name without punctuation, as in Flyte."""
    return "".join(each for each in task_name[-MAX_NODE_ID:] if each == "-" or each.isalnum())


def generated_id(task: Identifier, kind: ResourceType) -> Identifier:
    """Return the identifier of the workflow or launch plan that stands in for a task."""
    made = Identifier()
    made.CopyFrom(task)
    made.resource_type = kind
    made.name = GENERATED_PREFIX + task.name
    return made


def single_task_workflow(task: TaskTemplate) -> WorkflowSpec:
    """Return the workflow whose inputs and outputs are the task's own."""
    name = node_name(task.id.name)
    node = Node(
        id=name,
        metadata=NodeMetadata(name=name, retries=task.metadata.retries, timeout=task.metadata.timeout),
        inputs=_bindings(task.interface.inputs, ""),
        task_node=TaskNode(reference_id=task.id),
    )
    template = WorkflowTemplate(
        id=generated_id(task.id, ResourceType.WORKFLOW),
        interface=task.interface,
        nodes=[node],
        outputs=_bindings(task.interface.outputs, name),
    )
    return WorkflowSpec(template=template)
