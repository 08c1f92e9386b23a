"""From a prediction back to the rows its model learnt from."""

import posixpath
from typing import Any

from ml import featurestore, predictions


def trace(prediction_uri: str) -> dict[str, Any]:
    """Return the chain: predictions, model and run, Flyte executions, feature versions, raw batches.

    LookupError names the link that is missing.
    """
    saved = predictions.record(prediction_uri)
    run = _run(saved["run_id"])
    learnt_from = [_features(uri) for uri in run["tags"]["feature_uris"].splitlines()]
    return {
        "predictions": {
            "uri": saved["uri"],
            "created": saved["created"],
            "airflow_run": saved["airflow_run"],
            "flyte_execution": saved["flyte_execution"],
            "code_version": saved["code_version"],
            "scored": [_features(uri) for uri in saved["feature_uris"]],
        },
        "model": {
            "uri": saved["model_uri"],
            "mlflow_run": saved["run_id"],
            "metrics": run["metrics"],
            "data_version": run["tags"]["data_version"],
            "code_version": run["tags"]["code_version"],
            "airflow_run": run["tags"]["airflow_run"],
            "flyte_execution": run["tags"]["flyte_execution"],
        },
        "learnt_from": learnt_from,
    }


def _run(run_id: str) -> dict[str, Any]:
    from mlflow.tracking import MlflowClient

    data = MlflowClient().get_run(run_id).data
    return {"metrics": dict(data.metrics), "tags": dict(data.tags)}


def _features(uri: str) -> dict[str, Any]:
    folder, name = posixpath.split(uri)
    record = featurestore.record(folder.removesuffix("/housing"), name.removesuffix(".parquet"))
    return {
        "version": record["version"],
        "uri": record["uri"],
        "sha256": record["sha256"],
        "airflow_run": record["airflow_run"],
        "code_version": record["code_version"],
        "raw": {key: record[key] for key in ("raw_uri", "rows", "first_row", "last_row")},
    }
