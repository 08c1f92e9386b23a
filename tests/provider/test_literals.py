"""Python values to literals by the interface's types, back again, and what does not fit."""

import dataclasses
import datetime as dt
import enum
from pathlib import PurePosixPath

import pytest
from flyteidl.core.literals_pb2 import Literal
from flyteidl.core.types_pb2 import LiteralType
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from tandem_flyte.literals import MismatchError, to_literal
from tandem_flyte.natives import describe_type, to_python

INTEGER, FLOAT, STRING, BOOLEAN = ({"simple": name} for name in ("INTEGER", "FLOAT", "STRING", "BOOLEAN"))
DATETIME, DURATION, STRUCT, NONE = ({"simple": name} for name in ("DATETIME", "DURATION", "STRUCT", "NONE"))
FILE = {"blob": {"dimensionality": "SINGLE"}}
DIRECTORY = {"blob": {"dimensionality": "MULTIPART"}}
DATASET = {"structuredDatasetType": {}}
COLOURS = {"enumType": {"values": ["red", "blue"]}}
OPTIONAL_INT = {"unionType": {"variants": [INTEGER, NONE]}}
TEXT_OR_INT = {"unionType": {"variants": [INTEGER, STRING]}}
NOON = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Settings:
    rounds: int
    names: list[str]


def kind(spec: dict) -> LiteralType:
    return ParseDict(spec, LiteralType())


def no_upload(_value, _literal_type):
    raise MismatchError


@pytest.mark.parametrize(
    ("spec", "given", "expected"),
    [
        (INTEGER, 3, 3),
        (INTEGER, "3", 3),
        (INTEGER, "-12", -12),
        (FLOAT, 0.5, 0.5),
        (FLOAT, 2, 2.0),
        (FLOAT, "1e-3", 0.001),
        (STRING, "3", "3"),
        (BOOLEAN, True, True),
        (BOOLEAN, "False", False),
        (DATETIME, NOON, NOON),
        (DATETIME, "2026-11-21T12:00:00Z", NOON),
        (DATETIME, "2026-11-21T13:00:00+01:00", NOON),
        (DATETIME, dt.date(2026, 11, 21), NOON.replace(hour=0)),
        (DURATION, dt.timedelta(minutes=5), dt.timedelta(minutes=5)),
        (DURATION, "PT5M", dt.timedelta(minutes=5)),
        (NONE, None, None),
        (STRUCT, {"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}),
        (STRUCT, '{"a": 1}', {"a": 1}),
        (STRUCT, Settings(3, ["x"]), {"rounds": 3, "names": ["x"]}),
        ({"collectionType": INTEGER}, [1, "2"], [1, 2]),
        ({"collectionType": STRING}, "['a', 'b']", ["a", "b"]),
        ({"collectionType": {"collectionType": FLOAT}}, "[[1], []]", [[1.0], []]),
        ({"mapValueType": INTEGER}, {"a": 1}, {"a": 1}),
        (FILE, "s3://bucket/key.parquet", "s3://bucket/key.parquet"),
        (DIRECTORY, "s3://bucket/folder", "s3://bucket/folder"),
        (DATASET, "s3://bucket/table", "s3://bucket/table"),
        ({"schema": {}}, "s3://bucket/table", "s3://bucket/table"),
        (COLOURS, "red", "red"),
        (COLOURS, Colour.RED, "red"),
        (OPTIONAL_INT, None, None),
        (OPTIONAL_INT, 7, 7),
        (TEXT_OR_INT, "7", "7"),
        (TEXT_OR_INT, 7, 7),
    ],
)
def test_a_value_that_fits_arrives_as_it_is(spec, given, expected):
    back = to_python(to_literal(given, kind(spec), no_upload))

    assert back == expected
    assert type(back) is type(expected)


@pytest.mark.parametrize(
    ("spec", "given"),
    [
        (INTEGER, "3.0"),
        (INTEGER, "three"),
        (INTEGER, 3.0),
        (INTEGER, True),
        (INTEGER, None),
        (INTEGER, 2**63),
        (FLOAT, "nan"),
        (FLOAT, "half"),
        (FLOAT, True),
        (STRING, 3),
        (BOOLEAN, "yes"),
        (BOOLEAN, 1),
        (DATETIME, "yesterday"),
        (DATETIME, 0),
        (DURATION, "soon"),
        (STRUCT, "not a dict"),
        (STRUCT, {"a": object()}),
        ({"collectionType": INTEGER}, 3),
        ({"collectionType": INTEGER}, [1, "x"]),
        ({"collectionType": STRING}, "a"),
        ({"mapValueType": INTEGER}, {1: 1}),
        (FILE, ""),
        (FILE, 3),
        (FILE, None),
        (COLOURS, "green"),
        (OPTIONAL_INT, "x"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(spec, given):
    with pytest.raises(MismatchError):
        to_literal(given, kind(spec), no_upload)


@given(st.lists(st.dictionaries(st.text(), st.integers(-(2**63), 2**63 - 1))))
def test_lists_of_maps_come_back_unchanged(value):
    spec = kind({"collectionType": {"mapValueType": INTEGER}})

    assert to_python(to_literal(value, spec, no_upload)) == value


def test_what_is_not_yet_remote_is_left_to_the_upload():
    uploaded = []

    def upload(value, literal_type):
        uploaded.append((value, describe_type(literal_type)))
        return Literal()

    to_literal("/data/local.csv", kind(FILE), upload)
    to_literal(PurePosixPath("/data/local.csv"), kind(FILE), upload)

    assert [what for _, what in uploaded] == ["file (URI)", "file (URI)"]


def test_a_file_keeps_the_format_that_the_interface_states():
    literal = to_literal("s3://b/k.csv", kind({"blob": {"format": "csv", "dimensionality": "SINGLE"}}), no_upload)

    assert literal.scalar.blob.metadata.type.format == "csv"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (INTEGER, "integer"),
        ({"simple": "STRUCT", "metadata": {"title": "Settings"}}, "struct (Settings)"),
        ({"collectionType": FILE}, "list of file (URI)"),
        ({"mapValueType": FLOAT}, "map of string to float"),
        (DIRECTORY, "directory (URI)"),
        (DATASET, "structured dataset (URI)"),
        (COLOURS, "one of 'red', 'blue'"),
        (OPTIONAL_INT, "integer or none"),
    ],
)
def test_types_have_names_that_a_person_would_use(spec, words):
    assert describe_type(kind(spec)) == words
