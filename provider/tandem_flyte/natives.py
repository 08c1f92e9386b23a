"""Flyte's types in words, and its literals as plain Python."""

import datetime as dt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flyteidl.core.literals_pb2 import Literal
    from flyteidl.core.types_pb2 import LiteralType


def describe_type(literal_type: "LiteralType") -> str:
    """Return the name that a person would give the type."""
    from flyteidl.core.types_pb2 import BlobType, SimpleType

    kind = literal_type.WhichOneof("type")
    if kind == "simple":
        title = dict(literal_type.metadata).get("title")
        name = SimpleType.Name(literal_type.simple).lower()
        return f"{name} ({title})" if title else name
    if kind == "collection_type":
        return f"list of {describe_type(literal_type.collection_type)}"
    if kind == "map_value_type":
        return f"map of string to {describe_type(literal_type.map_value_type)}"
    if kind == "blob":
        is_file = literal_type.blob.dimensionality == BlobType.SINGLE
        return "file (URI)" if is_file else "directory (URI)"
    if kind == "enum_type":
        return "one of " + ", ".join(repr(value) for value in literal_type.enum_type.values)
    if kind == "union_type":
        return " or ".join(describe_type(variant) for variant in literal_type.union_type.variants)
    return {"schema": "schema (URI)", "structured_dataset_type": "structured dataset (URI)"}.get(
        str(kind), "unknown type"
    )


def to_python(literal: "Literal") -> Any:
    """Return a literal as plain Python: numbers, strings, times, lists and dicts; URIs for data kept elsewhere."""
    kind = literal.WhichOneof("value")
    if kind == "collection":
        return [to_python(item) for item in literal.collection.literals]
    if kind == "map":
        return {key: to_python(item) for key, item in literal.map.literals.items()}
    if kind == "offloaded_metadata":
        return literal.offloaded_metadata.uri
    return _scalar_to_python(literal.scalar)


def _scalar_to_python(scalar: Any) -> Any:
    kind = scalar.WhichOneof("value")
    if kind == "primitive":
        which = scalar.primitive.WhichOneof("value")
        if which == "datetime":
            return scalar.primitive.datetime.ToDatetime(tzinfo=dt.UTC)
        if which == "duration":
            return scalar.primitive.duration.ToTimedelta()
        return getattr(scalar.primitive, which) if which else None
    if kind in {"blob", "schema", "structured_dataset"}:
        return getattr(scalar, kind).uri
    if kind == "union":
        return to_python(scalar.union.value)
    if kind == "binary":
        import msgpack

        return msgpack.unpackb(scalar.binary.value, strict_map_key=False)
    if kind == "generic":
        from google.protobuf.json_format import MessageToDict

        return MessageToDict(scalar.generic)
    if kind == "error":
        return scalar.error.message
    return None


def to_json(value: Any) -> Any:
    """Return an output in the terms of JSON; asset events hold nothing else."""
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    return value
