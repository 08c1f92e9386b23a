"""Python values as Flyte literals, by the types that an interface states.

Only flyteidl is needed for what can be written into a message. Values that must be uploaded first (a local
file, a data frame) are left to `upload`, which needs flytekit.
"""

import ast
import dataclasses
import datetime as dt
import enum
import json
import math
import numbers
import re
from collections.abc import Callable, Mapping
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flyteidl.core.literals_pb2 import Literal
    from flyteidl.core.types_pb2 import LiteralType

Upload = Callable[[Any, "LiteralType"], "Literal"]

_BOOLEANS = {"true": True, "false": False}
_URI = re.compile(r"[a-z][a-z0-9+.-]*://.+", re.IGNORECASE)


class MismatchError(ValueError):
    """The value does not fit the type."""


def to_literal(value: Any, literal_type: "LiteralType", upload: Upload) -> "Literal":
    """Return the literal of a value; raise MismatchError where it does not fit.

    A string is taken for a number, boolean, time, list or map where it parses as exactly one: templates
    render to strings.
    """
    kind = str(literal_type.WhichOneof("type"))
    if isinstance(value, enum.Enum):
        value = value.value
    if kind == "union_type":
        return _union(value, literal_type, upload)
    if kind == "collection_type":
        return _collection(_parsed(value, list), literal_type, upload)
    if kind == "map_value_type":
        return _mapping(_parsed(value, dict), literal_type, upload)
    if kind in {"blob", "schema", "structured_dataset_type"}:
        return _reference(value, literal_type, upload)
    if kind == "enum_type":
        return _enumerated(value, literal_type)
    return _simple(value, literal_type)


def _simple(value: Any, literal_type: "LiteralType") -> "Literal":
    from flyteidl.core.literals_pb2 import Literal, Primitive, Scalar, Void
    from flyteidl.core.types_pb2 import SimpleType

    name = SimpleType.Name(literal_type.simple)
    if name == "NONE":
        if value is not None and value not in ("None", ""):
            raise MismatchError
        return Literal(scalar=Scalar(none_type=Void()))
    if name == "STRUCT":
        return _struct(value)
    makers: dict[str, Callable[[Any], Any]] = {
        "INTEGER": lambda given: Primitive(integer=_integer(given)),
        "FLOAT": lambda given: Primitive(float_value=_float(given)),
        "STRING": lambda given: Primitive(string_value=_string(given)),
        "BOOLEAN": lambda given: Primitive(boolean=_boolean(given)),
        "DATETIME": _datetime,
        "DURATION": _duration,
    }
    if name not in makers:
        raise MismatchError
    try:
        return Literal(scalar=Scalar(primitive=makers[name](value)))
    except (ValueError, OverflowError) as error:
        raise MismatchError from error


def _integer(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+", value.strip()):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise MismatchError
    return int(value)


def _float(value: Any) -> float:
    if isinstance(value, str):
        parsed = float(value)
        if not math.isfinite(parsed):
            raise MismatchError
        return parsed
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise MismatchError
    return float(value)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise MismatchError
    return value


def _boolean(value: Any) -> bool:
    if isinstance(value, str) and value.strip().lower() in _BOOLEANS:
        return _BOOLEANS[value.strip().lower()]
    if not isinstance(value, bool):
        raise MismatchError
    return value


def _datetime(value: Any) -> Any:
    from flyteidl.core.literals_pb2 import Primitive
    from google.protobuf.timestamp_pb2 import Timestamp

    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value.strip())
    elif isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time(), tzinfo=dt.UTC)
    if not isinstance(value, dt.datetime):
        raise MismatchError
    stamp = Timestamp()
    stamp.FromDatetime(value)
    return Primitive(datetime=stamp)


def _duration(value: Any) -> Any:
    from flyteidl.core.literals_pb2 import Primitive
    from google.protobuf.duration_pb2 import Duration
    from pydantic import TypeAdapter

    if isinstance(value, str):
        value = TypeAdapter(dt.timedelta).validate_python(value.strip())
    if not isinstance(value, dt.timedelta):
        raise MismatchError
    span = Duration()
    span.FromTimedelta(value)
    return Primitive(duration=span)


def _struct(value: Any) -> "Literal":
    import msgpack
    from flyteidl.core.literals_pb2 import Binary, Literal, Scalar

    value = _parsed(value, dict)
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json")
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if not isinstance(value, Mapping):
        raise MismatchError
    try:
        packed = msgpack.packb(dict(value))
    except (TypeError, ValueError) as error:
        raise MismatchError from error
    return Literal(scalar=Scalar(binary=Binary(value=packed, tag="msgpack")))


def _enumerated(value: Any, literal_type: "LiteralType") -> "Literal":
    from flyteidl.core.literals_pb2 import Literal, Primitive, Scalar

    if value not in list(literal_type.enum_type.values):
        raise MismatchError
    return Literal(scalar=Scalar(primitive=Primitive(string_value=value)))


def _collection(value: Any, literal_type: "LiteralType", upload: Upload) -> "Literal":
    from flyteidl.core.literals_pb2 import Literal, LiteralCollection

    if not isinstance(value, (list, tuple)):
        raise MismatchError
    items = [to_literal(item, literal_type.collection_type, upload) for item in value]
    return Literal(collection=LiteralCollection(literals=items))


def _mapping(value: Any, literal_type: "LiteralType", upload: Upload) -> "Literal":
    from flyteidl.core.literals_pb2 import Literal, LiteralMap

    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise MismatchError
    items = {key: to_literal(item, literal_type.map_value_type, upload) for key, item in value.items()}
    return Literal(map=LiteralMap(literals=items))


def _union(value: Any, literal_type: "LiteralType", upload: Upload) -> "Literal":
    from flyteidl.core.literals_pb2 import Literal, Scalar, Union

    # A string stays a string where the union has one; only then is it taken for what it parses as.
    variants = sorted(literal_type.union_type.variants, key=lambda kind: not _takes_as_is(value, kind))
    for variant in variants:
        try:
            inner = to_literal(value, variant, upload)
        except MismatchError:
            continue
        return Literal(scalar=Scalar(union=Union(value=inner, type=variant)))
    raise MismatchError


def _takes_as_is(value: Any, literal_type: "LiteralType") -> bool:
    from flyteidl.core.types_pb2 import SimpleType

    natural = {str: SimpleType.STRING, bool: SimpleType.BOOLEAN, int: SimpleType.INTEGER, float: SimpleType.FLOAT}
    if literal_type.WhichOneof("type") != "simple":
        return False
    return bool(natural.get(type(value)) == literal_type.simple)


def _reference(value: Any, literal_type: "LiteralType", upload: Upload) -> "Literal":
    from flyteidl.core import literals_pb2 as pb

    uri = _uri(value)
    if uri is None:
        return upload(value, literal_type)
    if literal_type.WhichOneof("type") == "blob":
        metadata = pb.BlobMetadata(type=literal_type.blob)
        return pb.Literal(scalar=pb.Scalar(blob=pb.Blob(uri=uri, metadata=metadata)))
    if literal_type.WhichOneof("type") == "schema":
        return pb.Literal(scalar=pb.Scalar(schema=pb.Schema(uri=uri, type=literal_type.schema)))
    dataset = pb.StructuredDatasetMetadata(structured_dataset_type=literal_type.structured_dataset_type)
    if not dataset.structured_dataset_type.format:
        # flytekit reads a data set by its format, and writes Parquet where none is stated.
        dataset.structured_dataset_type.format = "parquet"
    return pb.Literal(scalar=pb.Scalar(structured_dataset=pb.StructuredDataset(uri=uri, metadata=dataset)))


def _uri(value: Any) -> str | None:
    """Return the remote address that a value stands for; None where there is something to upload."""
    for attribute in ("remote_source", "uri"):
        found = getattr(value, attribute, None)
        if isinstance(found, str) and _URI.fullmatch(found):
            return found
    if isinstance(value, PathLike):
        value = fspath(value)
    if isinstance(value, str):
        if not value.strip():
            raise MismatchError
        return value if _URI.fullmatch(value) else None
    if value is None or isinstance(value, (bool, int, float, list, tuple, dict)):
        raise MismatchError
    return None


def _parsed(value: Any, wanted: type) -> Any:
    """Return the list or map that a rendered template spells, in JSON or in Python; else the value itself."""
    if not isinstance(value, str):
        return value
    for parse in (json.loads, ast.literal_eval):
        try:
            parsed = parse(value)
        except (ValueError, SyntaxError):
            continue
        if isinstance(parsed, wanted):
            return parsed
    return value
