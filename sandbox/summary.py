"""What a person and a program read once runs have ended."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

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


def collect(state: State, client: "airflow.Client", runs: list[Run], since: datetime) -> Summary:
    """Gather a summary of ended runs; `since` is when the first began."""
    from sandbox import flyte  # gRPC and its messages take as long to import as the rest of the command line

    report: dict[str, Any] = {}
    for run in runs:
        for task in run["tasks"]:
            if task["task_id"].rpartition(".")[2] == REPORT_TASK and task["state"] == "success":
                report = client.xcom(run["dag_id"], run["dag_run_id"], task["task_id"]) or {}
    return Summary(runs, flyte.executions_since(state, since), state.url("mlflow"), report)


def render(summary: Summary) -> str:
    """Lay a summary out for a person, in rich's markup; addresses stand on lines of their own, whole."""
    lines = [line for run in summary.runs for line in _run_lines(run)]
    if summary.executions:
        lines.append("\n[bold]Flyte executions[/bold]")
        for execution in summary.executions:
            lines += [_line(execution.launch_plan, execution.phase, execution.seconds), f"    {execution.url}"]
    if summary.report:
        lines += ["\n[bold]Model[/bold]", *_metric_lines(summary.report), f"\n  plots  {summary.plots}"]
        lines += ["\n[bold]Predictions[/bold]", *_prediction_lines(summary.report["first_predictions"])]
        lines.append(f"\n  trace them:  ./tandem trace {summary.report['predictions']}")
    good = summary.succeeded
    lines.append("\n[green]the pipeline succeeded[/green]" if good else "\n[red]the pipeline did NOT succeed[/red]")
    return "\n".join(lines)


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


def _run_lines(run: Run) -> list[str]:
    lines = [f"[bold]{run['dag_id']}[/bold]  [dim]{run['dag_run_id']}[/dim]"]
    for task in run["tasks"]:
        index = f"\\[{task['map_index']}]" if task["map_index"] >= 0 else ""
        lines.append(_line(task["task_id"] + index, task["state"] or "-", task["duration"]))
    return [*lines, _line("in all", run["state"], _seconds(run)), ""]


def _line(name: str, state: str, seconds: float | None) -> str:
    style = STYLES.get(state, "dim")
    duration = "" if seconds is None else f"{seconds:.1f} s"
    return f"  {name:<34} [{style}]{state:<12}[/{style}] {duration:>9}"


def _metric_lines(report: dict[str, Any]) -> list[str]:
    metrics, before = report["metrics"], report["champion_before"] or {}
    now = "this run (now champion)" if report["promoted"] else "this run"
    lines = [f"  [dim]{'':<16}{now:>24}{'last champion':>18}[/dim]"]
    return lines + [
        f"  {name:<16}{_number(metrics[name]):>24}{_number(before.get(name)):>18}" for name in sorted(metrics)
    ]


def _prediction_lines(rows: list[dict[str, Any]]) -> list[str]:
    widths = {"PID": 12, "neighborhood": 14, "price": 12, "predicted_price": 17}
    lines = ["  [dim]" + "".join(f"{name:>{width}}" for name, width in widths.items()) + "[/dim]"]
    return lines + ["  " + "".join(f"{_number(row[name]):>{width}}" for name, width in widths.items()) for row in rows]


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4f}" if abs(value) < 10 else f"{value:,.0f}"
    return "-" if value is None else str(value)
