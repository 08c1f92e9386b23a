"""What a training leaves in MLflow: parameters, metrics, plots, the model, and where it all came from."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import xgboost as xgb

EXPERIMENT = "housing"
# What stands for the Flyte execution where there is none: a workflow run by hand in one process.
LOCAL = "local"


def log_training(
    booster: "xgb.Booster",
    sample: "pd.DataFrame",
    params: dict[str, Any],
    metrics: dict[str, float],
    tags: dict[str, str],
    pictures: dict[str, bytes],
) -> tuple[str, str]:
    """Write one run; returns its id and the model's URI. A retry goes on with the run that its first attempt began."""
    import mlflow
    import mlflow.xgboost
    from mlflow.models import infer_signature

    mlflow.set_experiment(EXPERIMENT)
    begun = _run_of(tags["flyte_execution"])
    with (
        mlflow.start_run(begun, run_name=tags["data_version"], tags=tags) as run,
        tempfile.TemporaryDirectory() as folder,
    ):
        mlflow.log_params(params)
        mlflow.log_metrics(metrics)
        for name, png in pictures.items():
            (Path(folder) / name).write_bytes(png)
        mlflow.log_artifacts(folder, "plots")
        # Named requirements: without them MLflow starts a process that imports the model to find out.
        logged = mlflow.xgboost.log_model(
            booster,
            name="model",
            signature=infer_signature(sample, booster.predict(_matrix(sample))),
            pip_requirements=["xgboost", "pandas"],
        )
        return run.info.run_id, str(logged.model_uri)


def _run_of(execution: str) -> str | None:
    """Return the run that an earlier attempt of this Flyte execution began, if any."""
    import mlflow

    if execution == LOCAL:
        return None
    own = f"tags.flyte_execution = '{execution}'"
    found = mlflow.search_runs(experiment_names=[EXPERIMENT], filter_string=own, output_format="list")
    return found[0].info.run_id if found else None


def add_metrics(run_id: str, metrics: dict[str, float]) -> None:
    """Add metrics to a run that has ended."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    for name, value in metrics.items():
        client.log_metric(run_id, name, value)


def _matrix(sample: "pd.DataFrame") -> "xgb.DMatrix":
    from workflows import boosting

    return boosting.matrix(sample)
