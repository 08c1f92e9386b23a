"""Which flights leave late: XGBoost on a table that a database has aggregated."""

from typing import NamedTuple

from flytekit import LaunchPlan, current_context, task, workflow
from flytekit.types.file import FlyteFile

from workflows import boosting, frames


class Trained(NamedTuple):
    """A classifier, how good it is, and on how many flights."""

    auc: float
    rows: int
    model: FlyteFile


@task(cache=True, cache_version="1", retries=1)
def fit(table_uri: str, rounds: int) -> Trained:
    """Train on the first ten months, judge on the last two."""
    import pandas as pd
    from sklearn.metrics import roc_auc_score

    table = pd.read_parquet(table_uri)
    columns = frames.feature_columns(table)
    train, test = table[table["month"] <= 10], table[table["month"] > 10]
    params = {"objective": "binary:logistic", "max_depth": 6, "eta": 0.2, "tree_method": "hist", "seed": 7}
    booster = boosting.train(params, boosting.matrix(train[columns], train["late"]), rounds)
    auc = roc_auc_score(test["late"], booster.predict(boosting.matrix(test[columns])))
    path = f"{current_context().working_directory}/flights.ubj"
    booster.save_model(path)
    return Trained(float(auc), len(table), FlyteFile(path))


@workflow
def flights_training(table_uri: str, rounds: int = 60) -> Trained:
    """Train and judge."""
    fitted = fit(table_uri=table_uri, rounds=rounds)
    return Trained(fitted.auc, fitted.rows, fitted.model)


LaunchPlan.get_or_create(flights_training, name="flights_train")
