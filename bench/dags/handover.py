"""The shortest way from an Asset to Flyte; see bench/handover.py."""

import pendulum
from airflow.sdk import DAG, Asset, task
from tandem_flyte.operators.flyte import FlyteOperator

FEATURES = Asset("bench_features", uri="tandem://bench/features")
START = pendulum.datetime(2026, 1, 1)

with DAG("bench_producer", schedule=None, start_date=START, catchup=False):

    @task(outlets=[FEATURES])
    def produce() -> None:
        """Update the Asset."""

    produce()

with DAG("bench_consumer", schedule=FEATURES, start_date=START, catchup=False):
    FlyteOperator(task_id="flyte", flyte_conn_id="flyte_conn", launchplan_name="bench_sleep", inputs={"seconds": 0})
