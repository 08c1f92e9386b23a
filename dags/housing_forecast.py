"""### Prices of new listings

Once a week the champion scores what is listed for sale: in the sample, the sales of the last version
without their prices.
"""

from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context, task
from notifications import on_failure
from stack import FLYTE, RETRIES, run_name, settings
from tandem_flyte.operators.flyte import FlyteOperator


@task(pool="data")
def list_listings() -> dict[str, Any]:
    """Write the listings' features and name the champion that will score them."""
    from airflow.sdk.exceptions import AirflowSkipException
    from ml import featurestore, registry, store

    tandem, champion = settings(), registry.champion()
    versions = featurestore.versions(tandem["features"])
    if champion is None or not versions:
        raise AirflowSkipException("there is no champion yet: housing_consumer makes the first")
    table = store.read_table(featurestore.table_uri(tandem["features"], versions[-1]))
    uri = f"{tandem['features']}/housing/listings/{versions[-1]}.parquet"
    store.write_table(table.assign(price=None, log_price=None).astype({"price": float, "log_price": float}), uri)
    return {
        "listings": [uri],
        "data_version": versions[-1],
        "run_id": champion.run_id,
        "model_uri": champion.model_uri,
    }


@task(pool="data")
def save_forecast(listings: dict[str, Any], scored: dict[str, Any]) -> str:
    """Keep the forecast with where it comes from."""
    from ml import featurestore, predictions

    context, tandem = get_current_context(), settings()
    lineage = {
        "run_id": listings["run_id"],
        "model_uri": listings["model_uri"],
        "feature_uris": [featurestore.table_uri(tandem["features"], listings["data_version"])],
        "data_version": listings["data_version"],
        "code_version": tandem["code_version"],
        "airflow_run": run_name(context),
        "flyte_execution": context["ti"].xcom_pull(task_ids="score", key="flyte_execution_name"),
    }
    # Not the logical date: a run that another DAG or a program starts may have none.
    name = f"forecast-{context['dag_run'].run_after:%Y%m%dT%H%M%S}"
    return predictions.save(tandem["models"], name, scored["predictions"], lineage)


with DAG(
    "housing_forecast",
    schedule=CronTriggerTimetable("@weekly", timezone="UTC", run_immediately=False),
    # No start_date: with one, a new stack would at once make up for the last interval.
    catchup=False,
    max_active_runs=1,
    max_active_tasks=4,
    render_template_as_native_obj=True,
    default_args={"owner": "ml-platform", "on_failure_callback": on_failure, **RETRIES},
    tags=["housing", "forecast"],
    doc_md=__doc__,
):
    listings = list_listings()
    score = FlyteOperator(
        task_id="score",
        launchplan_name="housing_predict",
        inputs={
            "model_uri": listings["model_uri"],
            "features": listings["listings"],
            "data_version": listings["data_version"],
        },
        **FLYTE,
    )
    save_forecast(listings, score.output)
