"""Batches, features, their checks and their store, on the real data."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ml import batches, features, featurestore, flights, store, validation

MONTHS = [f"{year}-{month:02d}" for year in range(2006, 2011) for month in range(1, 13)]


@given(st.integers(min_value=0, max_value=len(MONTHS)))
def test_every_month_is_in_one_batch_and_in_order(known: int) -> None:
    planned = batches.plan(MONTHS[:known])
    covered = [month for batch in planned for month in batch.months]
    assert covered == (MONTHS[:known] if known >= MONTHS.index(batches.HISTORY_ENDS) + 1 else [])
    assert len({batch.version for batch in planned}) == len(planned)


def test_the_cursor_moves_only_when_told(raw_uri: str, tmp_path: Path) -> None:
    for month in store.names(f"{raw_uri}/ames/sales", ".parquet"):
        store.copy(f"{raw_uri}/ames/sales/{month}.parquet", f"file://{tmp_path}/ames/sales/{month}.parquet")
    own = f"file://{tmp_path}"
    first = batches.next_batch(own)
    assert first is not None
    assert first.version == "2006-01_2009-12"
    assert batches.next_batch(own) == first
    for _ in range(2):  # a retry marks it again
        batches.mark_done(own, first.version)
    versions = []
    while batch := batches.next_batch(own):
        versions.append(batch.version)
        batches.mark_done(own, batch.version)
    assert versions == [f"2010-0{month}" for month in range(1, 8)]


def test_every_real_batch_passes_and_its_corruption_does_not(sales: pd.DataFrame) -> None:
    month = sales["Yr_Sold"].astype(str) + "-" + sales["Mo_Sold"].astype(str).str.zfill(2)
    for batch in batches.plan(sorted(month.unique())):
        rows = sales[month.isin(batch.months)].reset_index(drop=True)
        assert validation.problems(features.featurize(rows)) == [], batch.version
        assert validation.problems(features.featurize(validation.corrupted(rows))), batch.version


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.head(0), "no row"),
        (lambda t: pd.concat([t, t.head(3)]), "3 sales appear twice"),
        (lambda t: t.assign(price=-1.0), "prices are missing or not between"),
        (lambda t: t.assign(f_area=float("nan")), "f_area is missing or infinite in 100%"),
    ],
)
def test_each_fault_is_named(sales: pd.DataFrame, change: Any, words: str) -> None:
    good = features.featurize(sales)
    assert any(words in problem for problem in validation.problems(change(good)))


def test_absent_columns_are_named(sales: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="Lot_Area, Kitchen_Qual"):
        features.featurize(sales.drop(columns=["Kitchen_Qual", "Lot_Area"]))


def test_an_unknown_neighbourhood_is_a_row_like_any_other(sales: pd.DataFrame) -> None:
    made = features.featurize(sales.head(2).assign(Neighborhood="Newtown"))
    assert set(made["group"]) == {"south"}
    assert made[[name for name in made if name.startswith("f_in_")]].to_numpy().sum() == 0


@given(st.lists(st.sampled_from(["publish", "train", "fail"]), max_size=12))
def test_no_version_is_lost_however_runs_coalesce_and_fail(events: list[str]) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.store.clear()
    store.write_table(pd.DataFrame({"PID": [1]}), "memory://candidate.parquet")
    published, trained = [], set()
    for number, event in enumerate(events):
        if event == "publish":
            version = f"v{number:02d}"
            featurestore.publish("memory://features", version, "memory://candidate.parquet", {})
            published.append(version)
        elif event == "train":
            taken = featurestore.versions("memory://features")
            featurestore.mark_trained("memory://models", taken)
            trained |= set(taken)
        left = featurestore.untrained_versions("memory://features", "memory://models")
        assert left == [version for version in published if version not in trained]


def test_quarantine_leaves_the_good_versions(tmp_path: Path) -> None:
    root = f"file://{tmp_path}"
    store.write_table(pd.DataFrame({"PID": [1]}), f"{root}/candidate.parquet")
    featurestore.publish(root, "good", f"{root}/candidate.parquet", {"rows": 1})
    uri = featurestore.quarantine(root, "bad", f"{root}/candidate.parquet", {"problems": ["odd"]})
    assert featurestore.versions(root) == ["good"]
    assert (store.read_record(uri) or {})["problems"] == ["odd"]
    with pytest.raises(LookupError, match="'bad'"):
        featurestore.record(root, "bad")


@pytest.mark.parametrize("scheme", ["duckdb", "sqlite"])
def test_the_flights_query_gives_the_same_in_every_database(tmp_path: Path, raw_uri: str, scheme: str) -> None:
    table = store.read_table(f"{raw_uri}/flights/flights.parquet")
    assert len(table) == 336_776
    sample = table[table["day"] == 1]
    uri, database = f"file://{tmp_path}/sample.parquet", f"{scheme}:///{tmp_path}/flights.db"
    store.write_table(sample, uri)
    for _ in range(2):  # loading again replaces
        assert flights.load(uri, database) == len(sample)
    rows = flights.aggregate(database, f"file://{tmp_path}/table.parquet")
    made = store.read_table(f"{tmp_path}/table.parquet")
    assert rows == len(made) == 9_553  # months 2 to 12 whose carrier, airport and hour had flights the month before
    assert made["f_late_share"].between(0, 1).all()
    assert set(made["late"]) == {0, 1}
