"""Which try of which task instance is at work, for names, annotations and the causes that Flyte is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tandem_flyte.naming import ExecutionName, execution_name

# What the state says of a task instance that is no longer running or deferred.
ENDED_BY = {
    "failed": "the task was marked failed",
    "success": "the task was marked success",
    "skipped": "the DAG run ended before the task (dagrun_timeout, or skipped by hand)",
    "removed": "the task was removed from the DAG",
    "restarting": "the task was cleared",
}
CLEARED = "the task was cleared"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """One try of one task instance."""

    dag_id: str
    task_id: str
    run_id: str
    map_index: int
    try_number: int
    max_tries: int
    instance_id: str

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> "Identity":
        """Return the identity of the task instance that Airflow runs."""
        ti = context["ti"]
        return cls(
            dag_id=ti.dag_id,
            task_id=ti.task_id,
            run_id=ti.run_id,
            map_index=-1 if ti.map_index is None else ti.map_index,
            try_number=ti.try_number,
            max_tries=ti.max_tries,
            instance_id=str(ti.id),
        )

    @property
    def name(self) -> ExecutionName:
        """The name of this try's execution."""
        return execution_name(**{key: getattr(self, key) for key in self.__dataclass_fields__})

    @property
    def has_retry_left(self) -> bool:
        """Say whether Airflow will try again when this try fails."""
        return self.try_number <= self.max_tries

    @property
    def annotations(self) -> dict[str, str]:
        """What the execution is annotated with, so that Flyte shows where it comes from."""
        return {
            "airflow/dag-id": self.dag_id,
            "airflow/task-id": self.task_id,
            "airflow/run-id": self.run_id,
            "airflow/map-index": str(self.map_index),
            "airflow/try-number": str(self.try_number),
        }

    def state(self) -> str | None:
        """Return the task instance's state as Airflow's API has it now; None where it has none."""
        return task_state(dag_id=self.dag_id, task_id=self.task_id, run_id=self.run_id, map_index=self.map_index)

    def __str__(self) -> str:
        mapped = f", map index {self.map_index}" if self.map_index >= 0 else ""
        return f"dag {self.dag_id}, task {self.task_id}{mapped}, run {self.run_id}, try {self.try_number}"


def task_state(*, dag_id: str, task_id: str, run_id: str, map_index: int) -> str | None:
    """Return a task instance's state as Airflow's API has it now; blocks."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = RuntimeTaskInstance.get_task_states(
        dag_id=dag_id, map_index=map_index, task_ids=[task_id], run_ids=[run_id]
    )
    found = list(states.get(run_id, {}).values())
    return str(found[0]) if found and found[0] is not None else None
