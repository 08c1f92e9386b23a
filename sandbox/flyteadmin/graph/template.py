"""Filling the `{{.input}}` templates of a container's command line."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgpack
from flyteidl.core.literals_pb2 import Literal, LiteralMap, Primitive

_TEMPLATE = re.compile(r"{{\s*[.$]([^}\s]+)\s*}}")


class TemplateError(Exception):
    """A command line asks for an input that is not there, or that has no text form."""


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Where an attempt reads and writes."""

    input: str
    input_prefix: str
    output_prefix: str
    raw_output_prefix: str
    checkpoint: str
    previous_checkpoint: str
    unique_key: str

    def values(self) -> Mapping[str, str]:
        """Return the templates' values by their names in lower case."""
        return {
            "input": self.input,
            "inputprefix": self.input_prefix,
            "outputprefix": self.output_prefix,
            "rawoutputdataprefix": self.raw_output_prefix,
            "checkpointoutputprefix": self.checkpoint,
            # flytekit knows the quoted nothing as "no previous attempt".
            "prevcheckpointprefix": self.previous_checkpoint or '""',
            "perretryuniquekey": self.unique_key,
        }


def render(arguments: Iterable[str], paths: Paths, inputs: LiteralMap) -> list[str]:
    """Return the arguments with their templates filled; an unknown template stays as it is."""
    values = paths.values()

    def replace(match: re.Match[str]) -> str:
        name = match.group(1)
        if name.lower().startswith("inputs."):
            wanted = name[len("inputs.") :]
            if wanted not in inputs.literals:
                raise TemplateError(f"the command line asks for input [{wanted}], which the task lacks")
            return as_text(inputs.literals[wanted])
        return values.get(name.lower(), match.group(0))

    return [_TEMPLATE.sub(replace, each) for each in arguments]


def _primitive_text(primitive: Primitive) -> str:
    kind = primitive.WhichOneof("value") or "string_value"
    value = getattr(primitive, kind)
    if kind == "boolean":
        return "true" if value else "false"
    if kind in ("datetime", "duration"):
        return str(value.ToJsonString())
    if kind == "float_value" and value == int(value):
        return str(int(value))
    return str(value)


def as_text(literal: Literal) -> str:
    """Return a literal as it appears on a command line."""
    if literal.WhichOneof("value") == "collection":
        return "[" + ",".join(as_text(each) for each in literal.collection.literals) + "]"
    kind = literal.scalar.WhichOneof("value")
    if kind == "primitive":
        return _primitive_text(literal.scalar.primitive)
    if kind == "blob":
        return str(literal.scalar.blob.uri)
    if kind == "schema":
        return str(literal.scalar.schema.uri)
    if kind == "structured_dataset":
        return str(literal.scalar.structured_dataset.uri)
    if kind == "union":
        return as_text(literal.scalar.union.value)
    if kind == "binary":
        return str(msgpack.unpackb(literal.scalar.binary.value, strict_map_key=False))
    raise TemplateError(f"an input of kind {kind or 'map'} has no text form for a command line")
