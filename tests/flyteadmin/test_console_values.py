"""How the web pages word values and times."""

from typing import Any

import pytest
from flyteidl.core.literals_pb2 import Literal
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.type_engine import TypeEngine

from sandbox.flyteadmin.console import wording
from sandbox.flyteadmin.console.literals import SHOWN_CHARACTERS, SHOWN_ITEMS, value


def _literal(python: Any, kind: Any) -> Literal:
    context = FlyteContextManager.current_context()
    made: Literal = TypeEngine.to_literal(context, python, kind, TypeEngine.to_literal_type(kind)).to_flyte_idl()
    return made


@pytest.mark.parametrize(
    ("python", "kind", "form", "text"),
    [
        (7, int, "text", "7"),
        (0.1, float, "text", "0.1"),
        (True, bool, "text", "true"),
        ("word", str, "text", "word"),
        ("two\nlines", str, "block", "two\nlines"),
        (None, int | None, "none", ""),
        (7, int | None, "text", "7"),
        (
            {"a": [1, {"b": None}]},
            dict,
            "block",
            '{\n  "a": [\n    1,\n    {\n      "b": null\n    }\n  ]\n}',
        ),
    ],
)
def test_scalars_read_as_what_they_are(python: Any, kind: Any, form: str, text: str) -> None:
    shown = value(_literal(python, kind))
    assert (shown.form, shown.text) == (form, text)


def test_collections_are_cut_and_say_so() -> None:
    shown = value(_literal(list(range(SHOWN_ITEMS + 5)), list[int]))
    assert (shown.type, len(shown.items), shown.left_out) == (f"list of {SHOWN_ITEMS + 5}", SHOWN_ITEMS, 5)
    nested = value(_literal({"b": ["x"], "a": []}, dict[str, list[str]]))
    assert [name for name, _ in nested.items] == ["a", "b"]
    long = value(_literal("x" * (SHOWN_CHARACTERS + 3), str))
    assert (long.form, long.left_out) == ("block", 3)


def test_binary_that_lies_about_its_format_is_not_an_error() -> None:
    literal = Literal()
    literal.scalar.binary.tag, literal.scalar.binary.value = "msgpack", b"\xc1\xff"
    assert value(literal).text == "2 bytes"


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0 ms"), (42_000_000, "42 ms"), (12_340_000_000, "12.3 s"), (59_970_000_000, "1 min 0 s"),
     (3_725_000_000_000, "1 h 2 min"), (90_000_000_000_000, "1 d 1 h")],
)  # fmt: skip
def test_durations_read_well(nanoseconds: int, text: str) -> None:
    assert wording.duration(nanoseconds) == text
