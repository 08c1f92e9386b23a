"""Feature tables: Parquet files whose columns named `f_…` are the model's inputs."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def read(uris: list[str]) -> "pd.DataFrame":
    """Read feature versions into one table; a later version's row of the same sale wins."""
    import pandas as pd

    table = pd.concat([pd.read_parquet(uri) for uri in uris], ignore_index=True)
    return table.drop_duplicates(subset="PID", keep="last").reset_index(drop=True)


def feature_columns(table: "pd.DataFrame") -> list[str]:
    """Return the model's inputs, in a stable order."""
    return sorted(name for name in table.columns if name.startswith("f_"))


def split_by_last_year(table: "pd.DataFrame") -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Split into all sales but those of the last twelve months, and these: a model is judged on what came after."""
    import pandas as pd

    known = table[table["log_price"].notna()]
    sold = pd.to_datetime(known["sold"])
    is_last = sold > sold.max() - pd.DateOffset(years=1)
    return known[~is_last], known[is_last]
