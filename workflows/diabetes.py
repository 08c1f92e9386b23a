"""Diabetes among Pima women: the example of airflow-provider-flyte, on its real data."""

from typing import NamedTuple

from flytekit import LaunchPlan, Resources, current_context, task, workflow
from flytekit.types.file import FlyteFile

from workflows import boosting

INPUTS = ["npreg", "glu", "bp", "skin", "bmi", "ped", "age"]


class Trained(NamedTuple):
    """A classifier, and how good it is."""

    accuracy: float
    auc: float
    model: FlyteFile


@task(cache=True, cache_version="1", retries=1, requests=Resources(cpu="500m"))
def fit(train_uri: str, test_uri: str, n_estimators: int, max_depth: int) -> Trained:
    """Train on the one table, judge on the other."""
    import pandas as pd
    from sklearn.metrics import accuracy_score, roc_auc_score

    train, test = pd.read_parquet(train_uri), pd.read_parquet(test_uri)
    params = {"objective": "binary:logistic", "max_depth": max_depth, "eta": 0.05, "seed": 7}
    booster = boosting.train(params, boosting.matrix(train[INPUTS], train["type"] == "Yes"), n_estimators)
    chance = booster.predict(boosting.matrix(test[INPUTS]))
    ill = test["type"] == "Yes"
    path = f"{current_context().working_directory}/diabetes.ubj"
    booster.save_model(path)
    return Trained(float(accuracy_score(ill, chance > 0.5)), float(roc_auc_score(ill, chance)), FlyteFile(path))


@workflow
def diabetes_training(train_uri: str, test_uri: str, n_estimators: int = 100, max_depth: int = 3) -> Trained:
    """Train and judge."""
    fitted = fit(train_uri=train_uri, test_uri=test_uri, n_estimators=n_estimators, max_depth=max_depth)
    return Trained(fitted.accuracy, fitted.auc, fitted.model)


LaunchPlan.get_or_create(diabetes_training, name="diabetes_train")
