"""Shows DAG runs while they go on: a live table on a terminal, a line per change elsewhere."""

from typing import Any

from rich.live import Live
from rich.table import Table

from cli.console import err, styled
from sandbox import airflow, pipeline


def follow_runs(client: airflow.Client, dag_id: str, conf: dict[str, Any] | None) -> list[pipeline.Run]:
    """Run a DAG and what it triggers to the end, showing every task as it goes."""
    pipeline.wait_for_dag(client, dag_id)
    if not err.is_terminal:
        return pipeline.run_to_end(client, dag_id, conf, _Lines())
    with Live(console=err, refresh_per_second=4) as live:
        return pipeline.run_to_end(client, dag_id, conf, lambda runs: live.update(_table(runs)))


class _Lines:
    """Prints a task's state when it changes."""

    def __init__(self) -> None:
        self._seen = dict[tuple[str, str, str, int], str]()

    def __call__(self, runs: list[pipeline.Run]) -> None:
        for run in runs:
            for task in run["tasks"]:
                key = (run["dag_id"], run["dag_run_id"], task["task_id"], task["map_index"])
                if task["state"] and self._seen.get(key) != task["state"]:
                    self._seen[key] = task["state"]
                    err.print(f"  {run['dag_id']}.{task['task_id']}{_index(task)}: {task['state']}")


def _table(runs: list[pipeline.Run]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for run in runs:
        table.add_row(f"[bold]{run['dag_id']}[/bold]", styled(run["state"]), "")
        for task in run["tasks"]:
            seconds = f"{task['duration']:.1f} s" if task["duration"] else ""
            table.add_row(f"  {task['task_id']}{_index(task)}", styled(task["state"] or "waiting"), seconds)
    return table


def _index(task: dict[str, Any]) -> str:
    return f"[{task['map_index']}]" if task["map_index"] >= 0 else ""
