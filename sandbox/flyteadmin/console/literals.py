"""Flyte's literals as something a page can show."""

import base64
import json
from dataclasses import dataclass
from typing import Any

import msgpack
from flyteidl.core.literals_pb2 import Literal, LiteralMap, Primitive, Scalar
from google.protobuf.json_format import MessageToDict

SHOWN_ITEMS = 100
SHOWN_CHARACTERS = 20_000


@dataclass(frozen=True, kw_only=True)
class Value:
    """One value: `form` says how to show `text`; a list or map has items instead."""

    type: str
    form: str = "text"
    text: str = ""
    items: tuple[tuple[str, "Value"], ...] = ()
    left_out: int = 0


def values(literals: LiteralMap | None) -> list[tuple[str, Value]]:
    """Return named values in the order of their names."""
    if literals is None:
        return []
    return [(name, value(literals.literals[name])) for name in sorted(literals.literals)]


def value(literal: Literal) -> Value:
    """Return one value; long texts and lists are cut, and say by how much."""
    kind = literal.WhichOneof("value")
    if kind == "collection":
        elements = literal.collection.literals
        shown = tuple((str(i), value(each)) for i, each in enumerate(elements[:SHOWN_ITEMS]))
        return Value(type=f"list of {len(elements)}", form="list", items=shown, left_out=_rest(elements))
    if kind == "map":
        entries = literal.map.literals
        names = sorted(entries)
        shown = tuple((name, value(entries[name])) for name in names[:SHOWN_ITEMS])
        return Value(type=f"map of {len(names)}", form="map", items=shown, left_out=_rest(names))
    if kind == "offloaded_metadata":
        return Value(type="offloaded", form="uri", text=literal.offloaded_metadata.uri)
    return _scalar(literal.scalar)


def _rest(items: Any) -> int:
    return max(0, len(items) - SHOWN_ITEMS)


def _scalar(scalar: Scalar) -> Value:
    kind = scalar.WhichOneof("value")
    if kind == "primitive":
        return _primitive(scalar.primitive)
    if kind == "blob":
        blob = scalar.blob.metadata.type
        folder = "folder" if blob.dimensionality else "file"
        return Value(type=f"{folder} ({blob.format})" if blob.format else folder, form="uri", text=scalar.blob.uri)
    if kind == "structured_dataset":
        stored = scalar.structured_dataset.metadata.structured_dataset_type.format
        name = f"dataset ({stored})" if stored else "dataset"
        return Value(type=name, form="uri", text=scalar.structured_dataset.uri)
    if kind == "schema":
        return Value(type="schema", form="uri", text=scalar.schema.uri)
    if kind == "generic":
        return _block("struct", _pretty(MessageToDict(scalar.generic)))
    if kind == "binary":
        return _binary(scalar.binary.value, scalar.binary.tag)
    if kind == "union":
        return value(scalar.union.value)
    if kind == "error":
        return _block("error", scalar.error.message)
    return Value(type="none", form="none")


def _primitive(primitive: Primitive) -> Value:
    kind = primitive.WhichOneof("value")
    if kind == "string_value":
        text = primitive.string_value
        if "\n" in text or len(text) > SHOWN_CHARACTERS:
            return _block("string", text)
        return Value(type="string", text=text)
    if kind == "boolean":
        return Value(type="boolean", text=str(primitive.boolean).lower())
    if kind == "float_value":
        return Value(type="float", text=repr(primitive.float_value))
    if kind == "datetime":
        return Value(type="datetime", text=primitive.datetime.ToJsonString())
    if kind == "duration":
        return Value(type="duration", text=primitive.duration.ToJsonString())
    return Value(type="integer", text=str(primitive.integer))


def _binary(body: bytes, tag: str) -> Value:
    if tag == "msgpack":
        try:
            return _block("struct", _pretty(msgpack.unpackb(body, strict_map_key=False)))
        except (ValueError, msgpack.UnpackException):
            pass
    return Value(type=f"binary ({tag})" if tag else "binary", text=f"{len(body)} bytes")


def _pretty(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, default=_plain, skipkeys=True)


def _plain(content: Any) -> str:
    return base64.b64encode(content).decode() if isinstance(content, bytes) else str(content)


def _block(name: str, text: str) -> Value:
    left_out = max(0, len(text) - SHOWN_CHARACTERS)
    return Value(type=name, form="block", text=text[:SHOWN_CHARACTERS], left_out=left_out)
