"""Literal types: which one a literal has, and what may be passed where another is asked for."""

from flyteidl.core.literals_pb2 import Literal, Scalar
from flyteidl.core.types_pb2 import LiteralType, SimpleType, UnionType
from google.protobuf.json_format import MessageToDict

MSGPACK = "msgpack"

_PRIMITIVES = {
    "integer": SimpleType.INTEGER,
    "float_value": SimpleType.FLOAT,
    "string_value": SimpleType.STRING,
    "boolean": SimpleType.BOOLEAN,
    "datetime": SimpleType.DATETIME,
    "duration": SimpleType.DURATION,
}


def _scalar_type(scalar: Scalar) -> LiteralType:
    kind = scalar.WhichOneof("value")
    if kind == "primitive":
        primitive = scalar.primitive.WhichOneof("value")
        return LiteralType(simple=_PRIMITIVES.get(primitive or "", SimpleType.NONE))
    if kind == "blob":
        return LiteralType(blob=scalar.blob.metadata.type)
    if kind == "schema":
        return LiteralType(schema=scalar.schema.type)
    if kind == "structured_dataset":
        return LiteralType(structured_dataset_type=scalar.structured_dataset.metadata.structured_dataset_type)
    if kind == "union":
        return scalar.union.type
    if kind == "binary" and scalar.binary.tag != MSGPACK:
        return LiteralType(simple=SimpleType.BINARY)
    if kind in ("binary", "generic"):
        return LiteralType(simple=SimpleType.STRUCT)
    if kind == "error":
        return LiteralType(simple=SimpleType.ERROR)
    return LiteralType(simple=SimpleType.NONE)


def _common_type(literals: list[Literal]) -> LiteralType:
    distinct: dict[bytes, LiteralType] = {}
    for literal in literals:
        found = type_of(literal)
        distinct[found.SerializeToString(deterministic=True)] = found
    if not distinct:
        return LiteralType(simple=SimpleType.NONE)
    if len(distinct) == 1:
        return next(iter(distinct.values()))
    return LiteralType(union_type=UnionType(variants=distinct.values()))


def type_of(literal: Literal) -> LiteralType:
    """Return the type a literal shows by itself; empty collections are of NONE."""
    kind = literal.WhichOneof("value")
    if kind == "collection":
        return LiteralType(collection_type=_common_type(list(literal.collection.literals)))
    if kind == "map":
        return LiteralType(map_value_type=_common_type(list(literal.map.literals.values())))
    if kind == "offloaded_metadata":
        return literal.offloaded_metadata.inferred_type
    return _scalar_type(literal.scalar)


def _is_none(kind: LiteralType) -> bool:
    return bool(kind.WhichOneof("type") == "simple" and kind.simple == SimpleType.NONE)


def _variants(kind: LiteralType) -> list[LiteralType]:
    return list(kind.union_type.variants) if kind.WhichOneof("type") == "union_type" else [kind]


def _is_table(kind: str | None) -> bool:
    return kind in ("schema", "structured_dataset_type")


def castable(given: LiteralType, expected: LiteralType) -> bool:
    """Say whether a value of one type may be passed where the other is expected."""
    if expected.WhichOneof("type") == "union_type":
        return all(any(castable(each, v) for v in expected.union_type.variants) for each in _variants(given))
    if given.WhichOneof("type") == "union_type":
        return all(castable(each, expected) for each in _variants(given))
    from_kind, to_kind = given.WhichOneof("type"), expected.WhichOneof("type")
    if {from_kind, to_kind} == {"simple", "enum_type"}:
        simple = given if from_kind == "simple" else expected
        return bool(simple.simple == SimpleType.STRING)
    if _is_table(from_kind) and _is_table(to_kind):
        return True
    if from_kind != to_kind:
        return False
    if from_kind == "simple":
        return bool(given.simple == expected.simple)
    if from_kind == "blob":
        same_shape = given.blob.dimensionality == expected.blob.dimensionality
        return bool(same_shape and expected.blob.format in ("", given.blob.format))
    if from_kind == "collection_type":
        return _is_none(given.collection_type) or castable(given.collection_type, expected.collection_type)
    if from_kind == "map_value_type":
        return _is_none(given.map_value_type) or castable(given.map_value_type, expected.map_value_type)
    return True


def describe(kind: LiteralType) -> str:
    """Return a type in one line, for messages."""
    shown = LiteralType()
    shown.CopyFrom(kind)
    for noise in ("metadata", "annotation", "structure"):
        shown.ClearField(noise)
    return ", ".join(f"{name}:{value}" for name, value in MessageToDict(shown).items()) or "nothing"
