"""### Features of house sales, a batch at a time

Takes in the next month of sales (the first run: all years of history), makes features of them and
checks them. Good ones become a new version and update the Asset `housing_features`; bad ones go to
quarantine, and the last good version stands. Start it with `{"corrupt": true}` to see that.
"""

from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, Param, get_current_context, task
from notifications import on_failure
from stack import HOUSING_FEATURES, RETRIES, run_name, settings


@task(pool="data")
def extract() -> dict[str, Any]:
    """Take the next batch of sales into one table."""
    import pandas as pd
    from airflow.sdk.exceptions import AirflowSkipException
    from ml import batches, store, validation

    context, tandem = get_current_context(), settings()
    batch = batches.next_batch(tandem["raw"])
    if batch is None:
        raise AirflowSkipException("every batch of sales has been taken in")
    own = context["params"]["raw_uri"]
    uris = [own] if own else [f"{tandem['raw']}/ames/sales/{month}.parquet" for month in batch.months]
    sales = pd.concat([store.read_table(uri) for uri in uris], ignore_index=True)
    if context["params"]["corrupt"]:
        sales = validation.corrupted(sales)
    staged = f"{tandem['raw']}/ames/staged/{batch.version}.parquet"
    store.write_table(sales, staged)
    return {**batch.as_dict(), "staged_uri": staged}


@task(pool="data")
def save_raw(batch: dict[str, Any]) -> str:
    """Keep the batch as it came in, under its version."""
    from ml import store

    uri = f"{settings()['raw']}/ames/batches/{batch['version']}.parquet"
    store.copy(batch["staged_uri"], uri)
    return uri


@task(pool="data")
def feature_statistics(batch: dict[str, Any]) -> dict[str, Any]:
    """Describe the batch."""
    from ml import store, validation

    return validation.statistics(store.read_table(batch["staged_uri"]))


@task(pool="data")
def featurize(batch: dict[str, Any], raw_uri: str) -> dict[str, Any]:
    """Make features; they count only once they are published. Sales that allow none are passed on with the reason."""
    from ml import features, store

    uri = f"{settings()['features']}/housing/candidates/{batch['version']}.parquet"
    table, problems = store.read_table(raw_uri), []
    try:
        table = features.featurize(table)
    except ValueError as error:
        problems = [str(error)]
    store.write_table(table, uri)
    return {"uri": uri, "problems": problems}


@task.branch(pool="data")
def validate(candidate: dict[str, Any]) -> str:
    """Let good features through, and send bad ones to quarantine."""
    from ml import store, validation

    found = candidate["problems"] or validation.problems(store.read_table(candidate["uri"]))
    get_current_context()["ti"].xcom_push("problems", found)
    return "quarantine" if found else "publish"


@task(outlets=[HOUSING_FEATURES])
def publish(batch: dict[str, Any], raw_uri: str, statistics: dict[str, Any], candidate_uri: str) -> dict[str, Any]:
    """Make the features the batch's version, and announce it."""
    from ml import batches, featurestore

    context, tandem = get_current_context(), settings()
    record = _record(context, raw_uri, statistics)
    made = featurestore.publish(tandem["features"], batch["version"], candidate_uri, record)
    batches.mark_done(tandem["raw"], batch["version"])
    context["outlet_events"][HOUSING_FEATURES].extra = {"uri": made["uri"], "version": made["version"]}
    return made


@task
def quarantine(batch: dict[str, Any], raw_uri: str, statistics: dict[str, Any], candidate_uri: str) -> str:
    """Keep refused features apart and tell somebody; the batch is asked for again next time."""
    from ml import featurestore
    from notifications import notify

    context, tandem = get_current_context(), settings()
    problems = context["ti"].xcom_pull(task_ids="validate", key="problems")
    record = {**_record(context, raw_uri, statistics), "problems": problems}
    uri = featurestore.quarantine(tandem["features"], batch["version"], candidate_uri, record)
    notify(f"features {batch['version']} are in quarantine", "; ".join(problems) + f"; see {uri}")
    return uri


def _record(context: Any, raw_uri: str, statistics: dict[str, Any]) -> dict[str, Any]:
    return {
        "raw_uri": raw_uri,
        "code_version": settings()["code_version"],
        "airflow_run": run_name(context),
        "statistics": statistics,
        **{key: statistics[key] for key in ("rows", "first_row", "last_row")},
    }


with DAG(
    "housing_producer",
    schedule=CronTriggerTimetable("@monthly", timezone="UTC", run_immediately=False),
    # No start_date: with one, a new stack would at once make up for the last interval.
    catchup=False,
    max_active_runs=1,
    max_active_tasks=4,
    default_args={"owner": "ml-platform", "on_failure_callback": on_failure, **RETRIES},
    params={
        "corrupt": Param(False, type="boolean", description="Break the batch, to see it quarantined."),
        "raw_uri": Param(None, type=["null", "string"], description="Sales to take in instead of the next month's."),
    },
    tags=["housing", "producer"],
    doc_md=__doc__,
):
    batch = extract()
    raw = save_raw(batch)
    statistics = feature_statistics(batch)
    candidate = featurize(batch, raw)
    statistics >> candidate
    validate(candidate) >> [
        publish(batch, raw, statistics, candidate["uri"]),
        quarantine(batch, raw, statistics, candidate["uri"]),
    ]
