"""### Do the predictions still hold?

When new sales arrive, the champion's forecast of them is compared with the prices paid. Past an error
that the run's parameter sets, a retraining is triggered.
"""

import pendulum
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Param, get_current_context, task
from notifications import on_failure
from stack import HOUSING_FEATURES, RETRIES, settings


@task.short_circuit(pool="data")
def error_is_too_high() -> bool:
    """Score the newest sales with the champion that has not seen them; True past the limit."""
    from ml import featurestore, monitoring
    from notifications import notify

    context, tandem = get_current_context(), settings()
    newest = featurestore.versions(tandem["features"])[-1:]
    if not newest:
        return False
    error = monitoring.champion_error(featurestore.table_uri(tandem["features"], newest[0]))
    if error is None:
        return False
    limit = float(context["params"]["max_relative_error"])
    context["ti"].xcom_push("relative_error", error)
    if error > limit:
        notify("house prices drift", f"median error {error:.1%} of the price on {newest[0]}, over {limit:.1%}")
    return error > limit


with DAG(
    "housing_monitor",
    schedule=[HOUSING_FEATURES],
    start_date=pendulum.datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    max_active_tasks=4,
    default_args={"owner": "ml-platform", "on_failure_callback": on_failure, **RETRIES},
    params={"max_relative_error": Param(0.15, type="number", description="Median |error| as a share of the price.")},
    tags=["housing", "monitor"],
    doc_md=__doc__,
):
    error_is_too_high() >> TriggerDagRunOperator(
        task_id="retrain",
        trigger_dag_id="housing_consumer",
        # One retraining a monitor run, however often the task is tried.
        trigger_run_id="monitor__{{ run_id }}",
        skip_when_already_exists=True,
    )
