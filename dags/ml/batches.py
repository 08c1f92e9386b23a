"""Batches of house sales in the order they happened, and how far the producer has come."""

from dataclasses import asdict, dataclass
from typing import Any

from ml import store

# The first batch is everything to the end of this year: enough to train on and to test with.
HISTORY_ENDS = "2009-12"


@dataclass(frozen=True)
class Batch:
    """Some months of sales; `version` names the features made of them, and the model's data."""

    version: str
    months: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Return what goes through XCom."""
        return asdict(self)


def plan(months: list[str]) -> list[Batch]:
    """Lay sorted months out as batches: the history at once, as soon as it is whole, then one month each."""
    if HISTORY_ENDS not in months:
        return []
    history = [month for month in months if month <= HISTORY_ENDS]
    return [Batch(f"{history[0]}_{history[-1]}", history)] + [
        Batch(month, [month]) for month in months if month > HISTORY_ENDS
    ]


def next_batch(raw_uri: str) -> Batch | None:
    """Return the first batch that the cursor has not passed; None when all are taken in."""
    done = set(_cursor(raw_uri)["done"])
    batches = plan(store.names(f"{raw_uri}/ames/sales", ".parquet"))
    return next((batch for batch in batches if batch.version not in done), None)


def mark_done(raw_uri: str, version: str) -> None:
    """Move the cursor past a batch; doing it again changes nothing."""
    cursor = _cursor(raw_uri)
    if version not in cursor["done"]:
        cursor["done"] = sorted({*cursor["done"], version})
        store.write_record(cursor, f"{raw_uri}/ames/cursor.json")


def _cursor(raw_uri: str) -> dict[str, Any]:
    return store.read_record(f"{raw_uri}/ames/cursor.json") or {"done": []}
