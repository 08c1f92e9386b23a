"""What a person and a program read once runs have ended."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sandbox.pipeline import Run
from sandbox.state import State

if TYPE_CHECKING:
    from sandbox import airflow, flyte

# The consumer's task that returns what it found; see dags/housing_consumer.py.
REPORT_TASK = "save_predictions"
STYLES = {"success": "green", "SUCCEEDED": "green", "failed": "red", "FAILED": "red", "ABORTED": "red"}


@dataclass(frozen=True)
class Summary:
    """The runs, the Flyte executions since they began, and what the model's consumer reported."""

    runs: list[Run]
    executions: "list[flyte.Execution]"
    mlflow_url: str
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """True if every run ended well."""
        return bool(self.runs) and all(run["state"] == "success" for run in self.runs)

    def as_json(self) -> dict[str, Any]:
        """Return what programs read; durations in seconds."""
        return {
            "succeeded": self.succeeded,
            "runs": [_run_json(run) for run in self.runs],
            "executions": [asdict(execution) for execution in self.executions],
            "metrics": self.report.get("metrics"),
            "champion_before": self.report.get("champion_before"),
            "promoted": self.report.get("promoted"),
            "predictions": self.report.get("predictions"),
            "plots": self.plots,
        }

    @property
    def plots(self) -> str | None:
        """Where MLflow shows the run's plots."""
        path = self.report.get("mlflow_run_url_path")
        return f"{self.mlflow_url}/{path}/artifacts" if path else None


def collect(state: State, client: "airflow.Client", runs: list[Run], since: str) -> Summary:
    """Gather a summary of ended runs; `since` is when the first began, RFC 3339."""
    from sandbox import flyte  # gRPC and its messages take as long to import as the rest of the command line

    report: dict[str, Any] = {}
    for run in runs:
        for task in run["tasks"]:
            if task["task_id"].rpartition(".")[2] == REPORT_TASK and task["state"] == "success":
                report = client.xcom(run["dag_id"], run["dag_run_id"], task["task_id"]) or {}
    return Summary(runs, flyte.executions_since(state, since), state.url("mlflow"), report)


def render(summary: Summary) -> RenderableType:
    """Lay a summary out for a person."""
    parts: list[RenderableType] = [_runs_table(summary.runs)]
    if summary.executions:
        parts += [Text("\nFlyte executions", style="bold"), _executions_table(summary.executions)]
    if summary.report:
        parts += [Text("\nModel", style="bold"), _metrics_table(summary.report)]
        parts.append(Text(f"  plots        {summary.plots}"))
        parts.append(Text(f"  predictions  {summary.report.get('predictions')}"))
        parts.append(_predictions_table(summary.report.get("first_predictions") or []))
        parts.append(Text(f"  trace them   ./tandem trace {summary.report.get('predictions')}"))
    verdict = ("the pipeline succeeded", "green") if summary.succeeded else ("the pipeline did NOT succeed", "bold red")
    return Group(*parts, Text(f"\n{verdict[0]}", style=verdict[1]))


def _run_json(run: Run) -> dict[str, Any]:
    tasks = [
        {key: task[key] for key in ("task_id", "map_index", "state", "try_number")} | {"seconds": task["duration"]}
        for task in run["tasks"]
    ]
    return {
        "dag_id": run["dag_id"],
        "run_id": run["dag_run_id"],
        "state": run["state"],
        "seconds": _seconds(run),
        "tasks": tasks,
    }


def _seconds(run: Run) -> float | None:
    if not run["start_date"] or not run["end_date"]:
        return None
    return (datetime.fromisoformat(run["end_date"]) - datetime.fromisoformat(run["start_date"])).total_seconds()


def _state(name: str | None) -> Text:
    return Text(name or "-", style=STYLES.get(name or "", "dim"))


def _duration(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s"


def _table(*columns: str, head: bool = False) -> Table:
    table = Table(box=None, pad_edge=False, show_header=head, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _runs_table(runs: list[Run]) -> Table:
    table = _table("", "", "")
    for run in runs:
        name = Text(run["dag_id"], style="bold").append(f"  {run['dag_run_id']}", style="dim")
        table.add_row(name, _state(run["state"]), _duration(_seconds(run)))
        for task in run["tasks"]:
            index = f"[{task['map_index']}]" if task["map_index"] >= 0 else ""
            table.add_row(Text(f"  {task['task_id']}{index}"), _state(task["state"]), _duration(task["duration"]))
    return table


def _executions_table(executions: "list[flyte.Execution]") -> Table:
    table = _table("", "", "", "")
    for execution in executions:
        table.add_row(
            f"  {execution.launch_plan}", _state(execution.phase), _duration(execution.seconds), execution.url
        )
    return table


def _metrics_table(report: dict[str, Any]) -> Table:
    metrics, before = report.get("metrics") or {}, report.get("champion_before") or {}
    now = "this run (new champion)" if report.get("promoted") else "this run (champion kept)"
    table = _table("  metric", now, "last champion", head=True)
    for name in sorted(metrics):
        table.add_row(f"  {name}", _number(metrics[name]), _number(before.get(name)))
    return table


def _predictions_table(rows: list[dict[str, Any]]) -> Table:
    names = list(rows[0]) if rows else []
    table = _table("  ", *names, head=True)
    for row in rows:
        table.add_row("  ", *(_number(row[name]) for name in names))
    return table


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4f}" if abs(value) < 10 else f"{value:,.0f}"
    return "-" if value is None else str(value)
