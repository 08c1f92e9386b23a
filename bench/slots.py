"""Many Flyte executions on two worker slots: the kit's operator against the stock operator and sensor.

The two slots are an Airflow pool's. A slot counts as used while a task instance is running in it, asked of
Airflow's API twice a second, for both alike; a deferred task holds none. The stock pairs run in the two
orders there are: each wait right after its launch, as where runs come in one after another, which the goals
are about; and, reported beside it, all launches first, Airflow's own order for a single run. Each kind runs a
small one beforehand that does not count: the first in a new sandbox pays for what the later ones find ready.
"""

import threading
import time

from bench.result import Goal, Result
from bench.stand import Stand, run_succeeded
from sandbox import airflow

SIZE, QUICK_SIZE, WARM_SIZE = (40, 30), (8, 5), (2, 1)
KINDS = ("kit", "stock", "stock_launch_first")
POOL = "bench_slots"
MOST_TIME, MOST_SLOTS = 1 / 6, 1 / 20
SAMPLE_SECONDS = 0.5
RUN_SECONDS = 1800.0


def measure(stand: Stand) -> Result:
    """Run the kit's, then the stock ones."""
    stand.up()
    count, seconds = size = QUICK_SIZE if stand.quick else SIZE
    client = stand.airflow(*(_dag_id(kind, of) for kind in KINDS for of in (size, WARM_SIZE)))
    _make_pool(client)
    for kind in KINDS:
        _run(client, _dag_id(kind, WARM_SIZE))
    stand.say("warmed up")
    values: dict[str, float] = {"executions": count, "seconds_each": seconds}
    for kind in KINDS:
        values |= {f"{kind}_{name}": value for name, value in _run(client, _dag_id(kind, size)).items()}
        stand.say(f"{kind}: {values[f'{kind}_seconds']:.0f} s, {values[f'{kind}_slot_seconds']:.1f} slot-seconds")
    time_ratio = values["kit_seconds"] / values["stock_seconds"]
    slot_ratio = values["kit_slot_seconds"] / values["stock_slot_seconds"]
    return Result(
        name="slots",
        values=values,
        goals=(
            Goal(f"{count} executions of {seconds} s on 2 slots: kit's time / stock's", time_ratio, MOST_TIME),
            Goal("the same: kit's worker-slot-seconds / stock's", slot_ratio, MOST_SLOTS),
        ),
    )


def _dag_id(kind: str, size: tuple[int, int]) -> str:
    return f"bench_{kind}_{size[0]}x{size[1]}"


def _make_pool(client: airflow.Client) -> None:
    pools = {pool["name"] for pool in client.pages("/pools", "pools")}
    if POOL not in pools:
        body = {"name": POOL, "slots": 2, "description": "two worker slots", "include_deferred": False}
        client.send("POST", "/pools", body)


def _run(client: airflow.Client, dag_id: str) -> dict[str, float]:
    with Pool(client) as pool:
        began = time.monotonic()
        run_id = client.trigger(dag_id)
        run = client.run(dag_id, run_id)
        while run["state"] not in ("success", "failed"):
            if time.monotonic() - began > RUN_SECONDS:
                raise TimeoutError(f"{dag_id}: not within {RUN_SECONDS:g} s")
            time.sleep(SAMPLE_SECONDS)
            run = client.run(dag_id, run_id)
        seconds = time.monotonic() - began
    run_succeeded(run, client.pages(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances"))
    return {"seconds": seconds, "slot_seconds": pool.running, "slot_seconds_with_start": pool.occupied}


class Pool:
    """Adds up the slot-seconds while the block lasts: `running`, and `occupied` with the time a task is starting."""

    def __init__(self, client: airflow.Client) -> None:
        self.running = self.occupied = 0.0
        self._client = client
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Pool":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        last = time.monotonic()
        while not self._over.wait(SAMPLE_SECONDS):
            found = self._client.get(f"/pools/{POOL}")
            now = time.monotonic()
            self.running += (now - last) * found["running_slots"]
            self.occupied += (now - last) * (found["running_slots"] + found["queued_slots"])
            last = now
