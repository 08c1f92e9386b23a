"""### A model of every feature version

Runs when `housing_features` changes. Asset events are no queue (Airflow makes one run of several), so
the run asks the feature store which versions no training has taken in yet, and loses none. Flyte
trains; the better of challenger and champion is promoted or kept in MLflow, and scores the new sales.
"""

import logging
from typing import Any

import pendulum
from airflow.sdk import DAG, get_current_context, task, task_group
from notifications import on_failure
from stack import FLYTE, HOUSING_FEATURES, RETRIES, run_name, settings
from tandem_flyte.operators.flyte import FlyteOperator

log = logging.getLogger(__name__)


@task
def collect_versions() -> dict[str, Any]:
    """Name the data to train on: every good version, at least one of them new (or a retraining by hand)."""
    from airflow.sdk.exceptions import AirflowSkipException
    from ml import featurestore, registry

    context, tandem, champion = get_current_context(), settings(), registry.champion()
    every = featurestore.versions(tandem["features"])
    new = featurestore.untrained_versions(tandem["features"], tandem["models"])
    if not every or (context["dag_run"].run_type == "asset_triggered" and not new):
        raise AirflowSkipException("no feature version is new: an earlier run took them all in")
    return {
        "versions": every,
        "new": new or every[-1:],
        "features": [featurestore.table_uri(tandem["features"], version) for version in every],
        "new_features": [featurestore.table_uri(tandem["features"], version) for version in new or every[-1:]],
        "data_version": every[-1],
        "code_version": tandem["code_version"],
        "champion_uri": champion.model_uri if champion else "",
        "launch_plan": "housing_train_gpu" if tandem["gpus"] else "housing_train",
        "airflow_run": run_name(context),
    }


@task.branch
def evaluate(trained: dict[str, Any]) -> str:
    """Compare the challenger with the champion, both on the sales of the last twelve months."""
    from ml import registry

    wins = registry.beats(trained["metrics"], trained["champion_metrics"])
    return "decide.promote" if wins else "decide.keep_champion"


@task
def promote(trained: dict[str, Any]) -> str:
    """Make the challenger the champion."""
    from ml import registry

    return registry.promote(trained["run_id"], trained["model_uri"])


@task
def keep_champion(trained: dict[str, Any]) -> None:
    """Leave the champion where it is."""
    log.info("the champion stays: run %s is not better", trained["run_id"])


@task(trigger_rule="none_failed_min_one_success")
def choose_model() -> dict[str, str]:
    """Return the champion, new or old."""
    from ml import registry

    champion = registry.champion()
    assert champion is not None, "a model was promoted or kept, so there is a champion"
    return {"run_id": champion.run_id, "model_uri": champion.model_uri}


@task(pool="data")
def save_predictions(
    data: dict[str, Any], trained: dict[str, Any], model: dict[str, str], scored: dict[str, Any]
) -> Any:
    """Keep the predictions with where they come from, and report on the run.

    Only now have the versions been taken in: had scoring failed, the next run would score them too.
    """
    from ml import featurestore, predictions, registry

    ti, tandem = get_current_context()["ti"], settings()
    lineage = {
        **model,
        "feature_uris": data["new_features"],
        "data_version": data["data_version"],
        "code_version": data["code_version"],
        "airflow_run": data["airflow_run"],
        "flyte_execution": ti.xcom_pull(task_ids="score.predict", key="flyte_execution_name"),
    }
    name = predictions.name(data["new"], model["model_uri"])
    uri = predictions.save(tandem["models"], name, scored["predictions"], lineage)
    featurestore.mark_trained(tandem["models"], data["versions"])
    return {
        "metrics": {**trained["metrics"], **{f"r2_{name}": r2 for name, r2 in trained["group_metrics"].items()}},
        "champion_before": trained["champion_metrics"] or None,
        "promoted": model["run_id"] == trained["run_id"],
        "run_id": trained["run_id"],
        "model_uri": model["model_uri"],
        "report_uri": trained["report_uri"],
        "mlflow_run_url_path": registry.run_page(trained["run_id"]),
        "predictions": uri,
        "first_predictions": predictions.first(uri),
    }


@task
def tell(found: dict[str, Any]) -> None:
    """Say how the run ended."""
    from notifications import notify

    verdict = "promoted" if found["promoted"] else "not promoted: the champion is better"
    text = f"R² {found['metrics']['r2_log']:.3f}, {verdict}; predictions: {found['predictions']}"
    notify("housing model trained", text)


with DAG(
    "housing_consumer",
    schedule=[HOUSING_FEATURES],
    start_date=pendulum.datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    max_active_tasks=4,
    render_template_as_native_obj=True,
    default_args={"owner": "ml-platform", "on_failure_callback": on_failure, **RETRIES},
    tags=["housing", "consumer"],
    doc_md=__doc__,
):
    data = collect_versions()
    train = FlyteOperator(
        task_id="train",
        launchplan_name=data["launch_plan"],
        inputs={
            "features": data["features"],
            "data_version": data["data_version"],
            "code_version": data["code_version"],
            "airflow_run": data["airflow_run"],
            "champion_uri": data["champion_uri"],
        },
        recover=True,
        **FLYTE,
    )

    @task_group
    def decide() -> Any:
        """Promote the challenger, or keep the champion."""
        choice = evaluate(train.output)
        chosen = choose_model()
        choice >> [promote(train.output), keep_champion(train.output)] >> chosen
        return chosen

    @task_group
    def score(model: Any) -> Any:
        """Predict the new sales with the champion."""
        predict = FlyteOperator(
            task_id="predict",
            launchplan_name="housing_predict",
            inputs={
                "model_uri": model["model_uri"],
                "features": data["new_features"],
                "data_version": data["data_version"],
            },
            **FLYTE,
        )
        return save_predictions(data, train.output, model, predict.output)

    tell(score(decide()))
