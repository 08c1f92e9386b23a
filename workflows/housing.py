"""House prices: train on earlier years, judge on the last, and score."""

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from flytekit import Deck, LaunchPlan, Resources, current_context, map_task, task, workflow
from flytekit.types.file import FlyteFile

from workflows import boosting, frames, metrics, plots, tracking

if TYPE_CHECKING:
    import xgboost as xgb

GROUPS = ["northwest", "north", "centre", "south"]
PARAMS = {
    "objective": "reg:squarederror",
    "eta": 0.03,
    "max_depth": 4,
    "min_child_weight": 3,
    "subsample": 0.7,
    "colsample_bytree": 0.4,
    "reg_lambda": 1.0,
    "seed": 7,
}
# Who asked and at which commit does not change a model: the same features are the same training.
NOT_IN_CACHE_KEY = ("code_version", "airflow_run")
CACHE_VERSION = "1"


class Trained(NamedTuple):
    """A model, how good it is, and how good the champion is on the same sales (empty without one)."""

    run_id: str
    model_uri: str
    metrics: dict[str, float]
    champion_metrics: dict[str, float]


class Training(NamedTuple):
    """A model, how good it is, how good one of each neighbourhood group alone would be, and where the plots are."""

    run_id: str
    model_uri: str
    metrics: dict[str, float]
    champion_metrics: dict[str, float]
    group_metrics: dict[str, float]
    report_uri: str


class Scored(NamedTuple):
    """Predictions, and their mean absolute error in US dollars; -1 where no price is known."""

    predictions: FlyteFile
    rows: int
    mae_usd: float


def _train(
    features: list[str],
    data_version: str,
    code_version: str,
    airflow_run: str,
    champion_uri: str,
    rounds: int,
    device: str,
) -> Trained:
    table = frames.read(features)
    columns = frames.feature_columns(table)
    train, test = frames.split_by_last_year(table)
    context = current_context()
    params = {**PARAMS, "device": device}
    data = boosting.matrix(train[columns], train["log_price"])
    booster = boosting.train(params, data, rounds, context.checkpoint)
    judged_on = boosting.matrix(test[columns])
    predicted = booster.predict(judged_on)
    found = metrics.price_metrics(test["log_price"], predicted)
    before = metrics.price_metrics(test["log_price"], load(champion_uri).predict(judged_on)) if champion_uri else {}
    found |= {"rows_train": float(len(train)), "rows_test": float(len(test))}
    pictures = {
        "residuals.png": plots.as_png(
            plots.residual_plot(test["log_price"], predicted, f"{len(test)} sales after those it learnt from")
        ),
        "importance.png": plots.as_png(plots.importance_plot(booster.get_score(importance_type="total_gain"))),
    }
    tags = {
        "data_version": data_version,
        "feature_uris": "\n".join(features),
        "code_version": code_version,
        "airflow_run": airflow_run,
        "flyte_execution": context.execution_id.name if context.execution_id else tracking.LOCAL,
    }
    sample = train[columns].head(5)
    run_id, uri = tracking.log_training(booster, sample, {**params, "rounds": rounds}, found, tags, pictures)
    Deck("Training", plots.deck_html(found, list(pictures.values())))
    return Trained(run_id, uri, found, before)


def load(model_uri: str) -> "xgb.Booster":
    """Load a model from MLflow."""
    import mlflow.xgboost

    booster: xgb.Booster = mlflow.xgboost.load_model(model_uri)
    return booster


@task(
    cache=True,
    cache_version=CACHE_VERSION,
    cache_ignore_input_vars=NOT_IN_CACHE_KEY,
    retries=2,
    enable_deck=True,
    deck_fields=(),
    timeout=timedelta(hours=2),
)
def train_model(
    features: list[str], data_version: str, code_version: str, airflow_run: str, champion_uri: str, rounds: int
) -> Trained:
    """Train on CPUs."""
    return _train(features, data_version, code_version, airflow_run, champion_uri, rounds, "cpu")


@task(
    cache=True,
    cache_version=CACHE_VERSION,
    cache_ignore_input_vars=NOT_IN_CACHE_KEY,
    retries=2,
    enable_deck=True,
    deck_fields=(),
    timeout=timedelta(hours=2),
    requests=Resources(gpu="1"),
)
def train_model_gpu(
    features: list[str], data_version: str, code_version: str, airflow_run: str, champion_uri: str, rounds: int
) -> Trained:
    """Train on one GPU."""
    return _train(features, data_version, code_version, airflow_run, champion_uri, rounds, "cuda")


@task(cache=True, cache_version=CACHE_VERSION, retries=2, requests=Resources(cpu="500m"))
def train_group(group: str, features: list[str]) -> float:
    """Train on one neighbourhood group alone; returns R² of the log price on its last year."""
    table = frames.read(features)
    train, test = frames.split_by_last_year(table[table["group"] == group])
    if len(train) < 20 or len(test) < 2:
        return 0.0
    columns = frames.feature_columns(table)
    booster = boosting.train(PARAMS, boosting.matrix(train[columns], train["log_price"]), 200)
    return metrics.price_metrics(test["log_price"], booster.predict(boosting.matrix(test[columns])))["r2_log"]


@task(retries=2, requests=Resources(cpu="500m"))
def report(run_id: str, group_r2: list[float]) -> tuple[dict[str, float], str]:
    """Add the groups' figures to the run; returns them and where the run's plots are."""
    found = dict(zip(GROUPS, group_r2, strict=True))
    tracking.add_metrics(run_id, {f"r2_group_{group}": value for group, value in found.items()})
    return found, f"runs:/{run_id}/plots"


@workflow
def housing_training(
    features: list[str],
    data_version: str,
    code_version: str,
    airflow_run: str,
    champion_uri: str = "",
    rounds: int = 600,
) -> Training:
    """Train the whole, and beside it one model per neighbourhood group."""
    trained = train_model(
        features=features,
        data_version=data_version,
        code_version=code_version,
        airflow_run=airflow_run,
        champion_uri=champion_uri,
        rounds=rounds,
    )
    by_group = map_task(partial(train_group, features=features))(group=GROUPS)
    group_metrics, report_uri = report(run_id=trained.run_id, group_r2=by_group)
    return Training(
        trained.run_id, trained.model_uri, trained.metrics, trained.champion_metrics, group_metrics, report_uri
    )


@workflow
def housing_training_gpu(
    features: list[str],
    data_version: str,
    code_version: str,
    airflow_run: str,
    champion_uri: str = "",
    rounds: int = 600,
) -> Training:
    """The same, the whole on a GPU."""
    trained = train_model_gpu(
        features=features,
        data_version=data_version,
        code_version=code_version,
        airflow_run=airflow_run,
        champion_uri=champion_uri,
        rounds=rounds,
    )
    by_group = map_task(partial(train_group, features=features))(group=GROUPS)
    group_metrics, report_uri = report(run_id=trained.run_id, group_r2=by_group)
    return Training(
        trained.run_id, trained.model_uri, trained.metrics, trained.champion_metrics, group_metrics, report_uri
    )


@task(retries=2, cache=True, cache_version=CACHE_VERSION)
def predict(model_uri: str, features: list[str], data_version: str) -> Scored:
    """Predict prices in US dollars; the error is -1 where no price is known yet."""
    import numpy as np

    table = frames.read(features)
    booster = load(model_uri)
    data = boosting.matrix(table[frames.feature_columns(table)])
    scored = table[["PID", "sold", "neighborhood", "price"]].assign(
        predicted_price=np.exp(booster.predict(data)).round(0), model_uri=model_uri, data_version=data_version
    )
    path = f"{current_context().working_directory}/predictions.parquet"
    scored.to_parquet(path, index=False)
    error = (scored["predicted_price"] - scored["price"]).abs().mean()
    return Scored(FlyteFile(path), len(scored), -1.0 if np.isnan(error) else float(error))


@workflow
def housing_scoring(model_uri: str, features: list[str], data_version: str) -> Scored:
    """Score feature versions with one model."""
    scored = predict(model_uri=model_uri, features=features, data_version=data_version)
    return Scored(scored.predictions, scored.rows, scored.mae_usd)


LaunchPlan.get_or_create(housing_training, name="housing_train")
LaunchPlan.get_or_create(housing_training_gpu, name="housing_train_gpu")
LaunchPlan.get_or_create(housing_scoring, name="housing_predict")
