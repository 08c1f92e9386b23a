"""DAGs that the bridge's tests cancel, time out and kill."""

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG
from tandem_flyte.operators.flyte import FlyteOperator

SECONDS = "{{ dag_run.conf.get('seconds', 300) }}"


def dag(name: str, **options: Any) -> DAG:
    return DAG(name, schedule=None, start_date=pendulum.datetime(2026, 1, 1), catchup=False, **options)


def sleep(**options: Any) -> FlyteOperator:
    settings: dict[str, Any] = {"launchplan_name": "sleep_for", "inputs": {"seconds": SECONDS}, "poll_interval": 0.5}
    return FlyteOperator(task_id="flyte", flyte_conn_id="flyte_conn", **{**settings, **options})


with dag("bridge_wait"):
    sleep()

with dag("bridge_wait_in_slot"):
    sleep(deferrable=False, retries=1, retry_delay=timedelta(seconds=1))

with dag("bridge_execution_timeout"):
    sleep(execution_timeout=timedelta(seconds=8))

with dag("bridge_trigger_timeout"):
    sleep(wait_timeout=timedelta(seconds=4))

with dag("bridge_run_timeout", dagrun_timeout=timedelta(seconds=10)):
    sleep()

with dag("bridge_flyte_timeout"):
    sleep(launchplan_name="time_out")

with dag("bridge_division"):
    sleep(launchplan_name="division", inputs={"a": "{{ dag_run.conf['a'] }}", "b": "{{ dag_run.conf['b'] }}"})

with dag("bridge_mapped"):
    FlyteOperator.partial(
        task_id="flyte", flyte_conn_id="flyte_conn", launchplan_name="sleep_for", poll_interval=0.5
    ).expand(inputs=[{"seconds": index % 2} for index in range(50)])

with dag("bridge_errors"):
    sleep(
        launchplan_name="{{ dag_run.conf.get('launch_plan', 'division') }}",
        project="{{ dag_run.conf.get('project', 'tandem') }}",
        inputs={"a": "{{ dag_run.conf.get('a', '1') }}"},
    )
