"""`./tandem run`."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli.console import out, print_json
from cli.follow import follow_runs
from sandbox import airflow, control, state, summary


def command(
    dag: Annotated[str, typer.Argument(help="A DAG's id, e.g. housing_producer.")],
    conf: Annotated[
        str, typer.Option(help="The run's configuration, a JSON object, e.g. '{\"corrupt\": true}'.")
    ] = "{}",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Run a DAG and everything it triggers to the end. Exit status 0 only if all succeeded."""
    current = state.load()
    control.require_running(current)
    settings = _parse(conf)
    client, since = airflow.Client(current), datetime.now(UTC)
    runs = follow_runs(client, dag, settings)
    result = summary.collect(current, client, runs, since)
    print_json(result.as_json()) if as_json else out.print(summary.render(result), soft_wrap=True)
    raise typer.Exit(0 if result.succeeded else 1)


def _parse(conf: str) -> dict[str, Any]:
    try:
        parsed = json.loads(conf)
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint="--conf") from error
    if not isinstance(parsed, dict):
        raise typer.BadParameter(f"a JSON object is wanted, not {conf!r}", param_hint="--conf")
    return parsed
