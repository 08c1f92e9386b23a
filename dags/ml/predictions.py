"""Predictions: a table, and a record that says which model and data they come from."""

from datetime import UTC, datetime
from typing import Any

from ml import store

FIRST = 5


def name(versions: list[str], model_uri: str) -> str:
    """Name the predictions that a registered model makes of feature versions, oldest first.

    The same ones by another model are another file, so what a URI is traced to never changes.
    """
    span = versions[0] if len(versions) == 1 else f"{versions[0]}_to_{versions[-1]}"
    return f"{span}-model-{model_uri.rpartition('/')[2]}"


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
