"""The graph by itself: types, inputs, bindings, compiling, cache keys, command lines, map tasks."""

from typing import Any

import msgpack
import pytest
from flyteidl.admin.workflow_pb2 import WorkflowSpec
from flyteidl.core.compiler_pb2 import CompiledWorkflow
from flyteidl.core.identifier_pb2 import Identifier
from flyteidl.core.interface_pb2 import ParameterMap, TypedInterface, Variable, VariableMap
from flyteidl.core.literals_pb2 import Binding, BindingData, Literal, LiteralMap
from flyteidl.core.tasks_pb2 import TaskTemplate
from flyteidl.core.types_pb2 import LiteralType, OutputReference, PromiseAttribute, SimpleType
from flyteidl.core.workflow_pb2 import ArrayNode, LaunchPlanTemplate, Node, WorkflowTemplate

from sandbox.flyteadmin.errors import FlyteError, not_found
from sandbox.flyteadmin.graph.arrays import ArrayLengthError, element, gather, length, minimum_successes
from sandbox.flyteadmin.graph.bindings import UnresolvedError, follow_keys, resolve_all
from sandbox.flyteadmin.graph.caching import cache_key
from sandbox.flyteadmin.graph.closures import child_id, ready
from sandbox.flyteadmin.graph.compiler import Registry, compile_workflow
from sandbox.flyteadmin.graph.inputs import complete_inputs, expected_inputs
from sandbox.flyteadmin.graph.single_task import node_name, single_task_workflow
from sandbox.flyteadmin.graph.template import Paths, TemplateError, as_text, render
from sandbox.flyteadmin.graph.types import castable, describe, type_of

INTEGER = LiteralType(simple=SimpleType.INTEGER)
STRING = LiteralType(simple=SimpleType.STRING)
STRUCT = LiteralType(simple=SimpleType.STRUCT)
NONE = LiteralType(simple=SimpleType.NONE)
OPTIONAL = LiteralType(union_type={"variants": [INTEGER, NONE]})
COLOUR = LiteralType(enum_type={"values": ["red"]})


def literal(value: Any) -> Literal:
    """Return a literal of a plain Python value; bytes are msgpack."""
    made = Literal()
    match value:
        case None:
            made.scalar.none_type.SetInParent()
        case bool():
            made.scalar.primitive.boolean = value
        case int():
            made.scalar.primitive.integer = value
        case float():
            made.scalar.primitive.float_value = value
        case str():
            made.scalar.primitive.string_value = value
        case bytes():
            made.scalar.binary.value, made.scalar.binary.tag = value, "msgpack"
        case list():
            made.collection.SetInParent()
            made.collection.literals.extend(map(literal, value))
        case dict():
            made.map.SetInParent()
            for key, each in value.items():
                made.map.literals[key].CopyFrom(literal(each))
    return made


def literals(**values: Any) -> LiteralMap:
    """Return a map of literals."""
    return LiteralMap(literals={name: literal(value) for name, value in values.items()})


def variables(**types: LiteralType) -> VariableMap:
    """Return declared variables."""
    return VariableMap(variables={name: Variable(type=kind) for name, kind in types.items()})


@pytest.mark.parametrize(
    ("value", "expected", "fits"),
    [
        (1, INTEGER, True),
        (1, STRING, False),
        (1.0, INTEGER, False),
        (1, OPTIONAL, True),
        (None, OPTIONAL, True),
        ("x", OPTIONAL, False),
        ("red", COLOUR, True),
        (1, COLOUR, False),
        ([1, 2], LiteralType(collection_type=INTEGER), True),
        ([], LiteralType(collection_type=INTEGER), True),
        ([1, "x"], LiteralType(collection_type=INTEGER), False),
        ([1, None], LiteralType(collection_type=OPTIONAL), True),
        ({"a": 1}, LiteralType(map_value_type=INTEGER), True),
        ({"a": "x"}, LiteralType(map_value_type=INTEGER), False),
        ([1], LiteralType(map_value_type=INTEGER), False),
        (msgpack.packb({"x": 1}), STRUCT, True),
        (msgpack.packb({"x": 1}), STRING, False),
    ],
)
def test_castable(value: Any, expected: LiteralType, fits: bool) -> None:
    """What may be passed where a type is expected."""
    assert castable(type_of(literal(value)), expected) is fits


def test_describe() -> None:
    """Types read well in messages."""
    assert describe(INTEGER) == "simple:INTEGER"
    assert "collectionType" in describe(LiteralType(collection_type=INTEGER))


def test_complete_inputs() -> None:
    """Given inputs, defaults and fixed ones make the whole."""
    wanted = variables(a=INTEGER, b=INTEGER, c=STRING)
    defaults = ParameterMap(parameters={"b": {"var": {"type": INTEGER}, "default": literal(2)}})
    fixed = literals(c="set")
    expected = expected_inputs(wanted, defaults, fixed)
    assert set(expected.parameters) == {"a", "b"}
    assert complete_inputs(literals(a=1), fixed, expected) == literals(a=1, b=2, c="set")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "expected_inputs a, b missing"),
        ({"a": 1, "b": 2, "z": 1, "y": 2}, "invalid input y, z"),
        ({"a": 1, "b": "x"}, "invalid b input wrong type. Expected simple:INTEGER, but got simple:STRING"),
        ({"a": 1, "b": 2, "c": "x"}, "fixed_inputs c cannot be overridden"),
    ],
)
def test_inputs_that_are_refused(given: dict[str, Any], said: str) -> None:
    """All names in one message."""
    fixed = literals(c="set")
    expected = expected_inputs(variables(a=INTEGER, b=INTEGER, c=STRING), ParameterMap(), fixed)
    with pytest.raises(FlyteError, match=said):
        complete_inputs(literals(**given), fixed, expected)


def test_launch_plans_that_are_refused() -> None:
    """Defaults and fixed inputs must fit the workflow."""
    bad_default = ParameterMap(parameters={"a": {"var": {"type": INTEGER}, "default": literal("x")}})
    with pytest.raises(FlyteError, match="invalid default_input wrong type a"):
        expected_inputs(variables(a=INTEGER), bad_default, LiteralMap())
    with pytest.raises(FlyteError, match="unexpected fixed_input z"):
        expected_inputs(variables(a=INTEGER), ParameterMap(), literals(z=1))


def promise(node_id: str, var: str, *path: str | int) -> BindingData:
    """Return a binding to another node's output."""
    attributes = [
        PromiseAttribute(int_value=each) if isinstance(each, int) else PromiseAttribute(string_value=each)
        for each in path
    ]
    return BindingData(promise=OutputReference(node_id=node_id, var=var, attr_path=attributes))


def test_bindings() -> None:
    """Constants, collections, maps and promises with attribute paths."""
    packed = msgpack.packb({"inner": [{"x": 7}]})
    outputs = {"start-node": literals(n=1), "n0": literals(o=[10, {"k": 20}], data=packed)}
    bindings = [
        Binding(var="constant", binding=BindingData(scalar=literal("c").scalar)),
        Binding(var="input", binding=promise("", "n")),
        Binding(var="list", binding={"collection": {"bindings": [promise("n0", "o", 0), promise("", "n")]}}),
        Binding(var="map", binding={"map": {"bindings": {"deep": promise("n0", "o", 1, "k")}}}),
        Binding(var="field", binding=promise("n0", "data", "inner", 0, "x")),
    ]
    resolved = resolve_all(bindings, outputs)
    expected = literals(constant="c", input=1, list=[10, 1], map={"deep": 20}, field=msgpack.packb(7))
    assert resolved == expected


@pytest.mark.parametrize("path", [["missing"], ["o", 5], ["o", "key"]])
def test_bindings_that_lead_nowhere(path: list[Any]) -> None:
    """A wrong path is an error, not an empty literal."""
    with pytest.raises(UnresolvedError):
        resolve_all([Binding(var="x", binding=promise("n0", *path))], {"n0": literals(o=[1])})


def test_struct_path() -> None:
    """Structs, of older flytekits, are walked as well."""
    generic = Literal()
    generic.scalar.generic.update({"a": {"b": [1.5, "s"]}})
    assert follow_keys(generic, ["a", "b", 1]) == literal("s")
    assert follow_keys(generic, ["a", "b"]) == literal([1.5, "s"])
    with pytest.raises(UnresolvedError):
        follow_keys(generic, ["a", "z"])


def task_id(name: str = "t") -> Identifier:
    """Return a task's identifier."""
    return Identifier(resource_type=1, project="p", domain="d", name=name, version="1")


TASK = TaskTemplate(id=task_id(), interface=TypedInterface(inputs=variables(a=INTEGER), outputs=variables(o=INTEGER)))


def _task(identifier: Identifier) -> TaskTemplate:
    if identifier != TASK.id:
        raise not_found(f"no task {identifier.name}")
    return TASK


def _no_plan(identifier: Identifier) -> LaunchPlanTemplate:
    raise not_found(f"no launch plan {identifier.name}")


REGISTRY = Registry(task=_task, launch_plan=_no_plan)


def task_node(node_id: str, source: BindingData, *, after: list[str] | None = None, task: str = "t") -> Node:
    """Return a node that runs a task."""
    return Node(
        id=node_id,
        inputs=[Binding(var="a", binding=source)],
        upstream_node_ids=after or [],
        task_node={"reference_id": task_id(task)},
    )


def workflow(*nodes: Node, **more: Any) -> WorkflowSpec:
    """Return a workflow of nodes that takes n and puts out the last node's o."""
    interface = TypedInterface(inputs=variables(n=INTEGER), outputs=variables(r=INTEGER))
    outputs = [Binding(var="r", binding=promise(nodes[-1].id, "o"))]
    template = WorkflowTemplate(id=task_id("w"), interface=interface, nodes=nodes, outputs=outputs, **more)
    return WorkflowSpec(template=template)


def ids(compiled: CompiledWorkflow, done: set[str], begun: set[str]) -> list[str]:
    """Return the ids of the nodes that are ready."""
    return [each.id for each in ready(compiled, done, begun)]


def test_ready_nodes() -> None:
    """Nodes come up as their inputs, or the nodes they are put behind, are done; the end last."""
    spec = workflow(
        task_node("n0", promise("", "n")),
        task_node("n1", promise("", "n")),
        task_node("n2", promise("n0", "o"), after=["n1"]),
    )
    compiled = compile_workflow(spec, REGISTRY).primary
    start = {"start-node"}
    assert ids(compiled, start, start) == ["n0", "n1"]
    assert ids(compiled, start | {"n0"}, start | {"n0", "n1"}) == []
    assert ids(compiled, start | {"n0", "n1"}, start | {"n0", "n1"}) == ["n2"]
    everything = start | {"n0", "n1", "n2"}
    assert ids(compiled, everything, everything) == ["end-node"]
    assert list(compiled.connections.downstream["start-node"].ids) == ["n0", "n1"]


def test_every_mistake_at_once() -> None:
    """A workflow that can't be compiled says all that is wrong with it."""
    spec = workflow(
        task_node("n0", promise("ghost", "o")),
        task_node("n1", promise("n0", "nothing")),
        task_node("n2", promise("", "n"), task="missing"),
        Node(id="n3", task_node={"reference_id": task_id()}),
        task_node("n4", promise("n5", "o")),
        task_node("n5", promise("n4", "o")),
        task_node("../up", promise("", "n")),
    )
    with pytest.raises(FlyteError) as caught:
        compile_workflow(spec, REGISTRY)
    for said in (
        "unknown node [ghost]",
        "[nothing], which node [n0] lacks",
        "node [n2]: no task missing",
        "node [n3] has nothing bound to its inputs ['a']",
        "'n4', 'n5'] depend on each other",
        "node id [../up] has characters",
    ):
        assert said in caught.value.message


@pytest.mark.parametrize(
    ("node", "feature"),
    [
        (Node(id="n0", branch_node={}), "conditional"),
        (Node(id="n0", gate_node={}), "gate nodes"),
        (Node(id="n0", array_node={"node": {"workflow_node": {}}}), "map over launch plans"),
    ],
)
def test_unimplemented_nodes(node: Node, feature: str) -> None:
    """They are refused by name."""
    with pytest.raises(FlyteError, match=feature) as caught:
        compile_workflow(workflow(node), REGISTRY)
    assert caught.value.code.name == "UNIMPLEMENTED"


def test_failure_nodes_are_unimplemented() -> None:
    """on_failure is refused by name."""
    node = task_node("n0", promise("", "n"))
    with pytest.raises(FlyteError, match="on_failure"):
        compile_workflow(workflow(node, failure_node=node), REGISTRY)


def test_single_task() -> None:
    """A task by itself is a workflow with the task's own interface."""
    closure = compile_workflow(single_task_workflow(TASK), REGISTRY)
    assert closure.primary.template.interface == TASK.interface
    assert node_name("some.module.my_task") == "somemodulemytask"
    assert child_id("", "n0") == "n0"
    assert child_id("n0-0-n1", "n2") == "n0-0-n1-0-n2"


def test_cache_key() -> None:
    """It follows the inputs' content or stated hash, the version and the interface; ignored inputs don't count."""

    def key(version: str = "1", task: TaskTemplate = TASK, **inputs: Any) -> str:
        return cache_key(task, version, literals(**inputs))

    assert key(a=1) == key(a=1)
    changed = TaskTemplate()
    changed.CopyFrom(TASK)
    changed.interface.outputs.variables["o"].type.CopyFrom(STRING)
    assert len({key(a=1), key(a=2), key("2", a=1), key(task=changed, a=1), key(a=[1]), key(a={"x": 1})}) == 6
    changed.metadata.cache_ignore_input_vars.append("salt")
    assert key(task=changed, a=1, salt="x") == key(task=changed, a=1, salt="y")
    hashed = [literals(a=1), literals(a=2)]
    for each in hashed:
        each.literals["a"].hash = "same"
    assert cache_key(TASK, "1", hashed[0]) == cache_key(TASK, "1", hashed[1])


PATHS = Paths(
    input="s3://b/inputs.pb",
    input_prefix="s3://b",
    output_prefix="s3://b/0",
    raw_output_prefix="s3://b/raw",
    checkpoint="s3://b/raw/cp",
    previous_checkpoint="",
    unique_key="k",
)


def test_render() -> None:
    """Templates are filled whatever their case; what is none of ours stays."""
    arguments = ["{{.input}}", "{{ $OutputPrefix }}/x", "{{.prevCheckpointPrefix}}", "{{.inputs.n}}", "{{other}}"]
    assert render(arguments, PATHS, literals(n=3)) == ["s3://b/inputs.pb", "s3://b/0/x", '""', "3", "{{other}}"]
    with pytest.raises(TemplateError, match=r"\[m\]"):
        render(["{{.inputs.m}}"], PATHS, literals(n=3))


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (2.0, "2"), (2.5, "2.5"), ("s", "s"), ([1, 2], "[1,2]"), (msgpack.packb([1]), "[1]")],
)
def test_as_text(value: Any, text: str) -> None:
    """Literals as they appear on a command line."""
    assert as_text(literal(value)) == text


def test_map_lengths() -> None:
    """Lists must agree; bound inputs go to each element whole."""
    inputs = literals(n=[1, 2], whole=[9, 9, 9], factor=3)
    assert length(inputs, ["whole", "factor"]) == 2
    assert element(inputs, 1, ["whole", "factor"]) == literals(n=2, whole=[9, 9, 9], factor=3)
    with pytest.raises(ArrayLengthError, match="different lengths"):
        length(inputs, [])
    with pytest.raises(ArrayLengthError, match="no input array"):
        length(literals(factor=3), [])


@pytest.mark.parametrize(("criteria", "least"), [({}, 5), ({"min_successes": 2}, 2), ({"min_success_ratio": 0.5}, 3)])
def test_minimum_successes(criteria: dict[str, Any], least: int) -> None:
    """All, a number or a ratio rounded up."""
    assert minimum_successes(ArrayNode(**criteria), 5) == least


def test_gather() -> None:
    """Outputs come back in order, none where an element failed."""
    assert gather([literals(o=1), None], variables(o=INTEGER)) == literals(o=[1, None])
