"""The same as slots_kit.py, as a user of the stock provider writes it.

`weight_rule` orders the pairs: upstream has each sensor follow its operator; Airflow's default launches all
first. The interval is the kit's, not the stock sensor's minute.
"""

import pendulum
from airflow.sdk import DAG
from flyte_provider.operators.flyte import FlyteOperator
from flyte_provider.sensors.flyte import FlyteSensor

SIZES = ((40, 30), (8, 5), (2, 1))
ORDERS = {"stock": "upstream", "stock_launch_first": "downstream"}

for (count, seconds), (kind, rule) in [(size, order) for size in SIZES for order in ORDERS.items()]:
    with DAG(f"bench_{kind}_{count}x{seconds}", schedule=None, start_date=pendulum.datetime(2026, 1, 1), catchup=False):
        for index in range(count):
            launch = FlyteOperator(
                task_id=f"flyte_{index}",
                flyte_conn_id="flyte_conn",
                launchplan_name="bench_sleep",
                inputs={"seconds": seconds},
                pool="bench_slots",
                weight_rule=rule,
            )
            wait = FlyteSensor(
                task_id=f"wait_{index}",
                flyte_conn_id="flyte_conn",
                execution_name=launch.output,
                poke_interval=2,
                mode="poke",
                pool="bench_slots",
                weight_rule=rule,
            )
            launch >> wait
