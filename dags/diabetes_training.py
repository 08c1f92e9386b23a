"""### As a user of airflow-provider-flyte would write it

The stock operator launches, the stock sensor waits. Change the two imports to `tandem_flyte` and the
same DAG holds no worker while it waits, and ends in Flyte what is ended in Airflow.
"""

import json
import os

import pendulum
from airflow.sdk import DAG
from flyte_provider.operators.flyte import FlyteOperator
from flyte_provider.sensors.flyte import FlyteSensor
from notifications import on_failure
from stack import RETRIES

# The stock operator's inputs are no templates, so the bucket is read here, from the environment alone.
RAW = json.loads(os.environ.get("AIRFLOW_VAR_TANDEM", "{}")).get("raw", "")
PIMA = f"{RAW}/pima"

with DAG(
    "diabetes_training",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    max_active_tasks=4,
    default_args={"owner": "ml-platform", "on_failure_callback": on_failure, **RETRIES},
    tags=["diabetes", "stock-provider"],
    doc_md=__doc__,
):
    train = FlyteOperator(
        task_id="train",
        flyte_conn_id="flyte_conn",
        launchplan_name="diabetes_train",
        inputs={"train_uri": f"{PIMA}/train.parquet", "test_uri": f"{PIMA}/test.parquet"},
        pool="flyte_launch",
    )
    wait = FlyteSensor(
        task_id="wait",
        flyte_conn_id="flyte_conn",
        execution_name="{{ task_instance.xcom_pull(task_ids='train') }}",
        poke_interval=2,
        timeout=1800,
        mode="reschedule",
        pool="flyte_launch",
    )
    train >> wait
