"""The DAG files: they import without an error, and without what only tasks need."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.state import root

DAGS = root() / "dags"
TASKS = {
    "housing_producer": {"extract", "save_raw", "feature_statistics", "featurize", "validate", "publish", "quarantine"},
    "housing_consumer": {
        "collect_versions",
        "train",
        "decide.evaluate",
        "decide.promote",
        "decide.keep_champion",
        "decide.choose_model",
        "score.predict",
        "score.save_predictions",
        "tell",
    },
    "housing_monitor": {"error_is_too_high", "retrain"},
    "housing_forecast": {"list_listings", "score", "save_forecast"},
    "diabetes_training": {"train", "wait"},
    "flights_delay": {"load", "aggregate", "train"},
}
HEAVY = ("pandas", "mlflow", "xgboost", "sklearn", "duckdb", "flytekit", "pyarrow")


@pytest.fixture(scope="module")
def dags() -> dict[str, Any]:
    """Import every DAG file as Airflow's dag-processor does."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(DAGS), bundle_path=DAGS, bundle_name="dags-folder")
    assert bag.import_errors == {}
    return dict(bag.dags)


def test_each_dag_has_its_tasks(dags: dict[str, Any]) -> None:
    assert {name: set(dag.task_ids) for name, dag in dags.items()} == TASKS


def test_every_task_retries_with_backoff_and_tells_of_its_failure(dags: dict[str, Any]) -> None:
    for dag in (dags[name] for name in TASKS):
        for task in dag.tasks:
            assert task.retries >= 1, task
            assert task.retry_exponential_backoff, task
            assert task.on_failure_callback, task


def test_pools_are_ones_that_the_stack_makes(dags: dict[str, Any]) -> None:
    from components.connections import POOLS

    used = {task.pool for name in TASKS for task in dags[name].tasks}
    assert used == {*POOLS, "default_pool"}


def test_schedules(dags: dict[str, Any]) -> None:
    assert "0 0 1 * *" in str(dags["housing_producer"].timetable)
    for consumer in ("housing_consumer", "housing_monitor"):
        assert "housing_features" in str(dags[consumer].timetable)
    assert not [name for name in TASKS if dags[name].catchup]


@pytest.mark.parametrize("name", sorted(set(TASKS) - {"diabetes_training"}))
def test_a_dag_file_imports_nothing_heavy(name: str, tmp_path: Path) -> None:
    """All but the stock provider's own example, whose operator imports flytekit itself."""
    script = f"import sys, airflow, airflow.sdk; import {name}; print([m for m in {HEAVY} if m in sys.modules])"
    env = {"PYTHONPATH": str(DAGS), "AIRFLOW_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
