"""The real Ames sales, on local files."""

import pandas as pd
import pytest


@pytest.fixture(scope="session")
def raw_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Seed a folder as the sandbox seeds its bucket."""
    from ml.seed import seed

    uri = f"file://{tmp_path_factory.mktemp('raw')}"
    assert len(seed(uri)) > 50
    return uri


@pytest.fixture(scope="session")
def sales(raw_uri: str) -> pd.DataFrame:
    """Return all sales."""
    from ml import store

    months = store.names(f"{raw_uri}/ames/sales", ".parquet")
    return pd.concat([store.read_table(f"{raw_uri}/ames/sales/{month}.parquet") for month in months], ignore_index=True)
