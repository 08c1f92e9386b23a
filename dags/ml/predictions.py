"""Predictions: a table, and a record that says which model and data they come from."""

from datetime import UTC, datetime
from typing import Any

from ml import store

FIRST = 5


def save(models_uri: str, name: str, table_uri: str, lineage: dict[str, Any]) -> str:
    """Keep a table of predictions under a name, its lineage beside it; returns its URI."""
    uri = f"{models_uri}/housing/predictions/{name}.parquet"
    store.copy(table_uri, uri)
    record = {**lineage, "uri": uri, "created": datetime.now(UTC).isoformat()}
    store.write_record(record, uri.removesuffix(".parquet") + ".json")
    return uri


def record(uri: str) -> dict[str, Any]:
    """Return where predictions come from; LookupError where nothing is recorded."""
    found = store.read_record(uri.removesuffix(".parquet") + ".json")
    if found is None:
        raise LookupError(f"no predictions are recorded at {uri}")
    return found


def first(uri: str) -> list[dict[str, Any]]:
    """Return the first rows, for a person."""
    columns = ["PID", "neighborhood", "price", "predicted_price"]
    rows = store.read_table(uri)[columns].head(FIRST)
    return [{**row, "PID": int(row["PID"])} for row in rows.to_dict("records")]


def relative_error(uri: str) -> float | None:
    """Return the median of |prediction - price| / price where the price is known; None where none is."""
    table = store.read_table(uri)
    known = table[table["price"] > 0]
    if known.empty:
        return None
    return float(((known["predicted_price"] - known["price"]).abs() / known["price"]).median())
