"""Bindings: how a node's inputs are made of constants and of what other nodes put out."""

from collections.abc import Iterable, Iterator, Mapping

import msgpack
from flyteidl.core.literals_pb2 import Binary, Binding, BindingData, Literal, LiteralMap, Primitive, Scalar
from flyteidl.core.types_pb2 import OutputReference, PromiseAttribute
from google.protobuf.struct_pb2 import Value

from sandbox.flyteadmin.graph import START
from sandbox.flyteadmin.graph.types import MSGPACK


class UnresolvedError(Exception):
    """A binding asks for something that its source did not put out."""


Outputs = Mapping[str, LiteralMap]


def references(binding: BindingData) -> Iterator[OutputReference]:
    """Yield every promise in a binding; one to the workflow's own inputs names the start node or nothing."""
    kind = binding.WhichOneof("value")
    if kind == "promise":
        yield binding.promise
    elif kind == "collection":
        for item in binding.collection.bindings:
            yield from references(item)
    elif kind == "map":
        for item in binding.map.bindings.values():
            yield from references(item)


def resolve_all(bindings: Iterable[Binding], outputs: Outputs) -> LiteralMap:
    """Return the literals that a node's bindings stand for, given the outputs of the nodes before it."""
    resolved = LiteralMap()
    for binding in bindings:
        resolved.literals[binding.var].CopyFrom(resolve(binding.binding, outputs))
    return resolved


def resolve(binding: BindingData, outputs: Outputs) -> Literal:
    """Return the literal one binding stands for."""
    kind = binding.WhichOneof("value")
    if kind == "scalar":
        return Literal(scalar=binding.scalar)
    if kind == "promise":
        return _promised(binding.promise, outputs)
    literal = Literal()
    if kind == "collection":
        literal.collection.SetInParent()
        literal.collection.literals.extend(resolve(item, outputs) for item in binding.collection.bindings)
    elif kind == "map":
        literal.map.SetInParent()
        for key, item in binding.map.bindings.items():
            literal.map.literals[key].CopyFrom(resolve(item, outputs))
    elif kind == "offloaded_metadata":
        literal.offloaded_metadata.CopyFrom(binding.offloaded_metadata)
    return literal


def _promised(promise: OutputReference, outputs: Outputs) -> Literal:
    source = promise.node_id or START
    produced = outputs[source].literals
    if promise.var not in produced:
        raise UnresolvedError(f"node [{source}] put out no [{promise.var}], only [{', '.join(sorted(produced))}]")
    return follow(produced[promise.var], list(promise.attr_path))


def follow(literal: Literal, path: list[PromiseAttribute]) -> Literal:
    """Walk an attribute path, `promise.field[0]`, through collections, maps, structs and msgpack values."""
    for depth, attribute in enumerate(path):
        kind = literal.WhichOneof("value")
        key = _key(attribute)
        try:
            if kind == "collection":
                literal = literal.collection.literals[key]
            elif kind == "map":
                literal = _present(literal.map.literals, key)
            else:
                return _follow_scalar(literal.scalar, [_key(each) for each in path[depth:]])
        except (KeyError, IndexError, TypeError):
            raise UnresolvedError(f"[{key}] not found by the attribute path of a promise") from None
    return literal


def _present(found: Mapping[str | int, Literal], key: str | int) -> Literal:
    if key not in found:  # a protobuf map makes absent keys up
        raise KeyError(key)
    return found[key]


def _key(attribute: PromiseAttribute) -> str | int:
    value: str | int = getattr(attribute, attribute.WhichOneof("value") or "string_value")
    return value


def _follow_scalar(scalar: Scalar, path: list[str | int]) -> Literal:
    kind = scalar.WhichOneof("value")
    if kind == "union":
        return follow_keys(scalar.union.value, path)
    if kind == "binary" and scalar.binary.tag == MSGPACK:
        value = msgpack.unpackb(scalar.binary.value, strict_map_key=False)
        for key in path:
            value = value[key]
        return Literal(scalar=Scalar(binary=Binary(value=msgpack.packb(value), tag=MSGPACK)))
    if kind == "generic":
        current = Value(struct_value=scalar.generic)
        for key in path:
            current = _struct_member(current, key)
        return _struct_literal(current)
    raise UnresolvedError(f"a promise's attribute path {path} leads into a {kind or 'missing value'}")


def follow_keys(literal: Literal, path: list[str | int]) -> Literal:
    """Walk a path of plain keys."""
    attributes = [
        PromiseAttribute(int_value=k) if isinstance(k, int) else PromiseAttribute(string_value=k) for k in path
    ]
    return follow(literal, attributes)


def _struct_member(value: Value, key: str | int) -> Value:
    if isinstance(key, int):
        return value.list_value.values[key]
    if key not in value.struct_value.fields:
        raise KeyError(key)
    return value.struct_value.fields[key]


def _struct_literal(value: Value) -> Literal:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return Literal(scalar=Scalar(generic=value.struct_value))
    if kind == "list_value":
        literal = Literal()
        literal.collection.SetInParent()
        literal.collection.literals.extend(_struct_literal(item) for item in value.list_value.values)
        return literal
    if kind == "string_value":
        return Literal(scalar=Scalar(primitive=Primitive(string_value=value.string_value)))
    if kind == "bool_value":
        return Literal(scalar=Scalar(primitive=Primitive(boolean=value.bool_value)))
    if kind == "number_value":
        return Literal(scalar=Scalar(primitive=Primitive(float_value=value.number_value)))
    literal = Literal()
    literal.scalar.none_type.SetInParent()
    return literal
