"""Flyte executions that sleep, waited for by the kit's operator, on two slots; see bench/slots.py."""

import pendulum
from airflow.sdk import DAG
from tandem_flyte.operators.flyte import FlyteOperator

for count, seconds in ((40, 30), (8, 5), (2, 1)):
    with DAG(f"bench_kit_{count}x{seconds}", schedule=None, start_date=pendulum.datetime(2026, 1, 1), catchup=False):
        for index in range(count):
            FlyteOperator(
                task_id=f"flyte_{index}",
                flyte_conn_id="flyte_conn",
                launchplan_name="bench_sleep",
                inputs={"seconds": seconds},
                pool="bench_slots",
            )
