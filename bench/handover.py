"""From a producer's success, by way of its Asset, to the CreateExecution call of the DAG that it starts."""

from datetime import datetime
from typing import Any

from bench import calls
from bench.result import Goal, Result, median, percentile
from bench.stand import Stand, run_succeeded, until
from sandbox import airflow

UPDATES, QUICK_UPDATES = 12, 3
MOST_SECONDS = 5.0
PRODUCER, CONSUMER = "bench_producer", "bench_consumer"


def measure(stand: Stand) -> Result:
    """Update the Asset again and again, each time once the run before is over: Airflow would join them."""
    stand.up()
    client, flyte = stand.airflow(PRODUCER, CONSUMER), stand.flyte()
    seconds = []
    for number in range(QUICK_UPDATES if stand.quick else UPDATES):
        before = {run["dag_run_id"] for run in _consumers(client)}
        produced = _produced_at(client)
        run = _ended_consumer(client, before)
        name = client.xcom(CONSUMER, run["dag_run_id"], "flyte", "flyte_execution_name")
        seconds.append((calls.created_at(flyte, name) - produced).total_seconds())
        stand.say(f"update {number + 1}: {seconds[-1]:.2f} s")
    flyte.close()
    return Result(
        name="handover",
        values={"seconds": seconds, "median_seconds": median(seconds)},
        goals=(Goal("producer's success to CreateExecution, p95", percentile(seconds, 0.95), MOST_SECONDS, "s"),),
    )


def _produced_at(client: airflow.Client) -> datetime:
    run_id = client.trigger(PRODUCER)
    until(lambda: client.run(PRODUCER, run_id)["state"] in ("success", "failed"), 120, PRODUCER)
    [task] = client.pages(f"/dags/{PRODUCER}/dagRuns/{run_id}/taskInstances", "task_instances")
    run_succeeded(client.run(PRODUCER, run_id), [task])
    return datetime.fromisoformat(task["end_date"])


def _consumers(client: airflow.Client) -> list[dict[str, Any]]:
    return list(client.pages(f"/dags/{CONSUMER}/dagRuns", "dag_runs"))


def _ended_consumer(client: airflow.Client, before: set[str]) -> dict[str, Any]:
    def ended() -> list[dict[str, Any]]:
        new = [run for run in _consumers(client) if run["dag_run_id"] not in before]
        return [run for run in new if run["state"] in ("success", "failed")]

    run = until(ended, 120, CONSUMER)[0]
    path = f"/dags/{CONSUMER}/dagRuns/{run['dag_run_id']}/taskInstances"
    run_succeeded(run, client.pages(path, "task_instances"))
    return run
