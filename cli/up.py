"""`./tandem up`."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli.console import err, out, print_json, progress
from cli.follow import follow_runs
from cli.status import addresses
from sandbox import airflow, control, pipeline, report, state, summary

DAG = "housing_producer"


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
    services_only: Annotated[bool, typer.Option("--services-only", help="Start everything, run nothing.")] = False,
) -> None:
    """Start the sandbox in the background and run the sample pipeline through Airflow and Flyte.

    What already runs is used again. Exit status 0 only if the pipeline succeeded.
    """
    current = _start()
    prepared = _prepare(current)
    if services_only:
        print_json(report.describe(current)) if as_json else out.print(
            addresses(report.describe(current)), soft_wrap=True
        )
        return
    since = datetime.now(UTC)
    err.print(f"running {DAG} and what it triggers")
    runs = follow_runs(prepared, DAG, None)
    result = summary.collect(current, prepared, runs, since)
    described = {**report.describe(current), **result.as_json()}
    if as_json:
        print_json(described)
    else:
        out.print(summary.render(result), soft_wrap=True)
        out.print(addresses(described), soft_wrap=True)
    raise typer.Exit(0 if result.succeeded else 1)


def _start() -> state.State:
    current = state.load()
    err.print("starting the services" if control.start(current) else "the services run already")
    with progress() as show:
        current = control.wait_healthy(current, show)
    for note in report.describe(current)["notes"]:
        err.print(f"  [yellow]{note}[/yellow]")
    return current


def _prepare(current: state.State) -> airflow.Client:
    """Make what the pipeline needs; each step tells what it does, and none does its work twice."""
    client = airflow.Client(current)
    client.set_pools()
    steps: dict[str, Callable[[], Any]] = {
        "seeding the raw data": lambda: pipeline.seed(current),
        "registering the workflows": lambda: pipeline.register(current),
        "testing Airflow's connections": lambda: pipeline.check_connections(current),
    }
    err.print(", ".join(steps))
    with err.status("preparing"), ThreadPoolExecutor() as pool:
        pending = [pool.submit(step) for step in steps.values()]
        _, version, tested = [step.result() for step in pending]
    err.print(f"  workflows registered, version {version}")
    for name, problem in tested.items():
        err.print(f"  connection {name}: " + (f"[red]{problem}[/red]" if problem else "[green]works[/green]"))
    if broken := [name for name, problem in tested.items() if problem]:
        raise control.SandboxError(f"{', '.join(broken)} does not work: see above")
    return client
