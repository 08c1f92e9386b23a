"""Flyte's filter language, `eq(phase,FAILED)+value_in(name,a;b)`, as conditions on columns."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from flyteidl.admin.common_pb2 import Sort
from sqlalchemy import ColumnElement, Select, asc, desc

from sandbox.flyteadmin.errors import invalid

Columns = Mapping[str, ColumnElement[Any]]

_EXPRESSION = re.compile(r"^(\w+)\(([^,()]+),\s?(.+)\)$")
_TIMES = {"created_at", "started_at", "updated_at", "execution_created_at"}
DEFAULT_LIMIT = 100

_SINGLE: dict[str, Callable[[ColumnElement[Any], Any], ColumnElement[bool]]] = {
    "eq": lambda column, value: column == value,
    "ne": lambda column, value: column != value,
    "gt": lambda column, value: column > value,
    "gte": lambda column, value: column >= value,
    "lt": lambda column, value: column < value,
    "lte": lambda column, value: column <= value,
    "contains": lambda column, value: column.like(f"%{value}%"),
    "not_like": lambda column, value: column.not_like(value),
}
_REPEATED: dict[str, Callable[[ColumnElement[Any], Any], ColumnElement[bool]]] = {
    "value_in": lambda column, values: column.in_(values),
    "value_not_in": lambda column, values: column.not_in(values),
}


def _nanoseconds(value: str) -> int:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise invalid(f"Timestamp {value} must conform to RFC3339 Nano spec") from None
    if moment.tzinfo is None:
        raise invalid(f"Timestamp {value} must conform to RFC3339 Nano spec")
    return int(moment.timestamp() * 1_000_000) * 1_000


def _value(field: str, text: str) -> Any:
    name = field.rpartition(".")[2]
    if name in _TIMES:
        return _nanoseconds(text)
    if name == "duration":
        try:
            return int(float(text.removesuffix("s")) * 1_000_000_000)
        except ValueError:
            raise invalid(f"Failed to parse duration [{text}]") from None
    return text


def _column(columns: Columns, field: str, entity: str) -> ColumnElement[Any]:
    found = columns.get(field)
    if found is None:
        found = columns.get(field.removeprefix(f"{entity}."))
    if found is None:
        qualified = field if "." in field else f"{entity}.{field}"
        raise invalid(f"'{qualified}' is invalid filter")
    return found


def conditions(filters: str, columns: Columns, entity: str) -> list[ColumnElement[bool]]:
    """Return the conjunction's parts; `columns` maps a field, `launch_plan.name` say, to its column."""
    parsed = []
    for expression in filters.split("+") if filters else []:
        match = _EXPRESSION.match(expression.strip())
        if match is None:
            raise invalid(f"invalid value for filters: {expression!r} is not function(field,value)")
        function, field, text = match.groups()
        field = field.strip()
        column = _column(columns, field, entity)
        values = [_value(field, each) for each in text.split(";")]
        if function in _REPEATED:
            parsed.append(_REPEATED[function](column, values))
        elif function in _SINGLE and len(values) == 1:
            parsed.append(_SINGLE[function](column, values[0]))
        elif function in _SINGLE:
            raise invalid(f"invalid single value filter expression: {function}")
        else:
            raise invalid(f"unrecognized filter function: {function}")
    return parsed


def offset_of(token: str) -> int:
    """Return where a page starts; tokens are offsets, as Flyte's are."""
    if token and not token.isdecimal():
        raise invalid(f"invalid value for token: {token!r}")
    return int(token or 0)


def page(
    query: Select[Any], *, columns: Columns, entity: str, filters: str, sort_by: Sort, limit: int, token: str
) -> Select[Any]:
    """Filter, sort and cut one page out of a query; without a sort key the newest come first."""
    query = query.where(*conditions(filters, columns, entity))
    key = sort_by.key or ("created_at" if "created_at" in columns else "name")
    if key.removeprefix(f"{entity}.") not in columns:
        raise invalid(f"invalid sort key '{key}'")
    ascending = sort_by.direction == Sort.ASCENDING if sort_by.key else key == "name"
    column = _column(columns, key, entity)
    query = query.order_by(asc(column) if ascending else desc(column))
    return query.limit(limit or DEFAULT_LIMIT).offset(offset_of(token))


def next_token(found: int, limit: int, token: str) -> str:
    """Return the token of the next page, empty after the last."""
    return str(offset_of(token) + found) if found == (limit or DEFAULT_LIMIT) else ""
