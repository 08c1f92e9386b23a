"""Compiling: a registered workflow with everything it refers to, checked, its edges worked out."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from flyteidl.admin.workflow_pb2 import WorkflowSpec
from flyteidl.core.compiler_pb2 import (
    CompiledLaunchPlan,
    CompiledTask,
    CompiledWorkflow,
    CompiledWorkflowClosure,
)
from flyteidl.core.identifier_pb2 import Identifier
from flyteidl.core.interface_pb2 import TypedInterface
from flyteidl.core.tasks_pb2 import TaskTemplate
from flyteidl.core.workflow_pb2 import LaunchPlanTemplate, Node, WorkflowTemplate

from sandbox.flyteadmin.errors import FlyteError, invalid, unimplemented
from sandbox.flyteadmin.graph import END, START
from sandbox.flyteadmin.graph.bindings import references

# What a node may be; the rest is refused here, so that it fails at registration and not in a run.
UNSUPPORTED_NODES = {
    "branch_node": "conditional (branch nodes)",
    "gate_node": "wait_for_input, approve and sleep (gate nodes)",
}

_NODE_ID = re.compile(r"^[\w-][\w.-]*$")


@dataclass(frozen=True, kw_only=True)
class Registry:
    """How the compiler looks up what is registered; both raise FlyteError where it is not."""

    task: Callable[[Identifier], TaskTemplate]
    launch_plan: Callable[[Identifier], LaunchPlanTemplate]


@dataclass
class _Compilation:
    registry: Registry
    templates: Mapping[bytes, WorkflowTemplate]
    tasks: dict[bytes, TaskTemplate] = field(default_factory=dict)
    launch_plans: dict[bytes, LaunchPlanTemplate] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


def key_of(identifier: Identifier) -> bytes:
    """Return what identifies an entity, for use in a dict."""
    key: bytes = identifier.SerializeToString(deterministic=True)
    return key


def compile_workflow(spec: WorkflowSpec, registry: Registry) -> CompiledWorkflowClosure:
    """Return the closure, or refuse with every mistake at once."""
    templates = {key_of(each.id): each for each in spec.sub_workflows}
    work = _Compilation(registry, templates)
    primary = _compile(spec.template, work)
    subs = [_compile(each, work) for each in spec.sub_workflows]
    if work.errors:
        raise invalid("failed to compile workflow: " + "; ".join(work.errors))
    return CompiledWorkflowClosure(
        primary=primary,
        sub_workflows=subs,
        tasks=[CompiledTask(template=each) for each in work.tasks.values()],
        launch_plans=[CompiledLaunchPlan(template=each) for each in work.launch_plans.values()],
    )


def _compile(template: WorkflowTemplate, work: _Compilation) -> CompiledWorkflow:
    if template.HasField("failure_node"):
        raise unimplemented("on_failure (failure nodes)")
    compiled = CompiledWorkflow(template=template)
    nodes = compiled.template.nodes
    del nodes[:]
    nodes.append(Node(id=START))
    nodes.append(Node(id=END, inputs=template.outputs))
    nodes.extend(template.nodes)
    interfaces = {START: TypedInterface(outputs=template.interface.inputs)}
    for node in template.nodes:
        if not _NODE_ID.match(node.id):
            work.errors.append(f"node id [{node.id}] has characters that can't be part of a path")
        if node.id in interfaces:
            work.errors.append(f"node id [{node.id}] is used twice")
        interface = _interface(node, work)
        if interface is not None:
            interfaces[node.id] = interface
    for node in nodes:
        _connect(node, interfaces, template, work)
    _record_edges(compiled)
    if cyclic := _cycle(nodes):
        work.errors.append(f"nodes {cyclic} depend on each other in a circle")
    return compiled


def _interface(node: Node, work: _Compilation) -> TypedInterface | None:
    """Look up what a node runs, note it for the closure, and return its interface."""
    target = node.WhichOneof("target")
    if target in UNSUPPORTED_NODES:
        raise unimplemented(UNSUPPORTED_NODES[target])
    try:
        if target == "task_node":
            task = work.registry.task(node.task_node.reference_id)
            work.tasks[key_of(task.id)] = task
            return task.interface
        if target == "workflow_node" and node.workflow_node.WhichOneof("reference") == "launchplan_ref":
            plan = work.registry.launch_plan(node.workflow_node.launchplan_ref)
            work.launch_plans[key_of(plan.id)] = plan
            return plan.interface
    except FlyteError as error:
        work.errors.append(f"node [{node.id}]: {error.message}")
        return None
    if target == "workflow_node":
        template = work.templates.get(key_of(node.workflow_node.sub_workflow_ref))
        if template is None:
            work.errors.append(
                f"node [{node.id}]: sub-workflow [{node.workflow_node.sub_workflow_ref.name}] is missing"
            )
        return template.interface if template is not None else None
    if target == "array_node":
        return _array_interface(node, work)
    work.errors.append(f"node [{node.id}] runs nothing")
    return None


def _array_interface(node: Node, work: _Compilation) -> TypedInterface | None:
    array = node.array_node
    if array.node.WhichOneof("target") != "task_node":
        raise unimplemented("map over launch plans (array nodes without a task)")
    inner = _interface(array.node, work)
    if inner is None:
        return None
    # A map task's own template takes lists already and puts out lists; only their names matter here.
    return inner


def _connect(
    node: Node, interfaces: Mapping[str, TypedInterface], template: WorkflowTemplate, work: _Compilation
) -> None:
    """Check a node's bindings and fill in the nodes it waits for."""
    upstream = list(node.upstream_node_ids)
    for binding in node.inputs:
        for promise in references(binding.binding):
            source = promise.node_id or START
            if source not in interfaces:
                if not any(each.id == source for each in template.nodes):
                    work.errors.append(f"node [{node.id}] reads [{promise.var}] of unknown node [{source}]")
                continue
            if promise.var not in interfaces[source].outputs.variables:
                work.errors.append(f"node [{node.id}] reads [{promise.var}], which node [{source}] lacks")
            if source not in upstream and source != START:  # a client looks upstream nodes up, but not this one
                upstream.append(source)
    if node.id == END:
        upstream += [each.id for each in template.nodes if each.id not in upstream]
    if node.id in interfaces and node.id != START:
        bound = {binding.var for binding in node.inputs}
        missing = sorted(set(interfaces[node.id].inputs.variables) - bound)
        # A launch plan fills in its own defaults.
        if missing and node.WhichOneof("target") != "workflow_node":
            work.errors.append(f"node [{node.id}] has nothing bound to its inputs {missing}")
    del node.upstream_node_ids[:]
    node.upstream_node_ids.extend(upstream)


def _record_edges(compiled: CompiledWorkflow) -> None:
    for node in compiled.template.nodes:
        sources = node.upstream_node_ids or ([] if node.id == START else [START])
        for source in sources:
            compiled.connections.upstream[node.id].ids.append(source)
            compiled.connections.downstream[source].ids.append(node.id)


def _cycle(nodes: Iterable[Node]) -> list[str]:
    """Return the nodes that can never become ready, empty if there are none."""
    waiting = {node.id: set(node.upstream_node_ids) for node in nodes}
    while free := [node_id for node_id, upstream in waiting.items() if not upstream & waiting.keys()]:
        for node_id in free:
            del waiting[node_id]
    return sorted(waiting)
