"""### A load: 336,776 flights

From S3 into a database table, aggregated there by SQL, and the result into Flyte, which learns which
flights leave late.
"""

import pendulum
from airflow.sdk import DAG, task
from notifications import on_failure
from stack import FLYTE, RETRIES, settings
from tandem_flyte.operators.flyte import FlyteOperator


@task(pool="data", max_active_tis_per_dag=1)
def load() -> int:
    """Load the flights into the database; returns how many there are now. Loading again replaces them."""
    from ml import flights

    tandem = settings()
    return flights.load(f"{tandem['raw']}/flights/flights.parquet", tandem["database"])


@task(pool="data", max_active_tis_per_dag=1)
def aggregate() -> str:
    """Let the database make one row a flight with its airport's and carrier's history; returns the table's URI."""
    from ml import flights

    tandem = settings()
    uri = f"{tandem['features']}/flights/table.parquet"
    flights.aggregate(tandem["database"], uri)
    return uri


with DAG(
    "flights_delay",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    max_active_tasks=4,
    default_args={"owner": "ml-platform", "on_failure_callback": on_failure, **RETRIES},
    tags=["flights", "load"],
    doc_md=__doc__,
):
    table = aggregate()
    (
        load()
        >> table
        >> FlyteOperator(task_id="train", launchplan_name="flights_train", inputs={"table_uri": table}, **FLYTE)
    )
