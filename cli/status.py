"""`./tandem status`."""

from typing import Annotated

import typer

from cli.console import out, print_json, services_table
from sandbox import control, report, state
from sandbox.supervisor import read_status


def command(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, with addresses and logins.")] = False,
) -> None:
    """Show the services, their addresses and the login. Exit status 3 if the sandbox is not running."""
    current = state.load()
    described = report.describe(current)
    if as_json:
        print_json(described)
    elif not described["running"]:
        out.print("the sandbox is not running: start it with `./tandem up`")
    else:
        status = read_status(current)
        out.print(services_table(status))
        for note in status.notes:
            out.print(f"  [yellow]{note}[/yellow]")
        out.print(addresses(described), soft_wrap=True)
    if not control.is_running(current):
        raise typer.Exit(3)


def addresses(described: dict[str, dict[str, str]]) -> str:
    """Say where a person finds what."""
    airflow, flyte = described["airflow"], described["flyte"]
    return (
        f"\n  Airflow  {airflow['url']}   login {airflow['username']} / {airflow['password']}"
        f"\n  Flyte    {flyte['console']}   gRPC {flyte['endpoint']}"
        f"\n  MLflow   {described['mlflow']['url']}"
        f"\n  S3       {described['s3']['endpoint']}   keys: `./tandem env`"
    )
