"""What the sample DAGs share: the stack's settings, the Asset between them, retries and the way to Flyte."""

from datetime import timedelta
from typing import Any

from airflow.sdk import Asset

HOUSING_FEATURES = Asset("housing_features", uri="tandem://features/housing")

RETRIES: dict[str, Any] = {
    "retries": 3,
    "retry_delay": timedelta(seconds=5),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=5),
}
FLYTE: dict[str, Any] = {"flyte_conn_id": "flyte_conn", "pool": "flyte_launch", "poll_interval": 1.0}


def settings() -> dict[str, Any]:
    """Return what the stack tells its DAGs: buckets, database, GPUs, notification channels."""
    from airflow.sdk import Variable

    found: dict[str, Any] = Variable.get("tandem", deserialize_json=True)
    return found


def run_name(context: Any) -> str:
    """Name a run as artefacts record it."""
    return f"{context['dag'].dag_id}/{context['run_id']}"
