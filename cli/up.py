"""`./tandem up`."""

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
        print_json(report.describe(current)) if as_json else out.print(addresses(report.describe(current)))
        return
    since = datetime.now(UTC).isoformat()
    err.print(f"running {DAG} and what it triggers")
    runs = follow_runs(prepared, DAG, None)
    result = summary.collect(current, prepared, runs, since)
    described = {**report.describe(current), **result.as_json()}
    if as_json:
        print_json(described)
    else:
        out.print(summary.render(result))
        out.print(addresses(described))
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
    """Make what the pipeline needs; each step tells what it does, and does nothing twice."""
    client = airflow.Client(current)
    with err.status("seeding the raw data and registering the workflows"):
        client.set_pools()
        pipeline.seed(current)
        version = pipeline.register(current)
    err.print(f"workflows registered, version {version}")
    with err.status("testing Airflow's connections"):
        tested: dict[str, Any] = pipeline.test_connections(current, client)
    for name, problem in tested.items():
        err.print(f"  connection {name}: " + (f"[red]{problem}[/red]" if problem else "[green]works[/green]"))
    if broken := [name for name, problem in tested.items() if problem]:
        raise control.SandboxError(f"{', '.join(broken)} does not work: see above")
    return client
