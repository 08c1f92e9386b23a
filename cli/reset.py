"""`./tandem reset`."""

from typing import Annotated

import typer

from cli.console import err
from sandbox import control, state


def command(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Stop the sandbox and remove its data: runs, models, objects, logs and credentials."""
    current = state.load()
    if not yes:
        typer.confirm(f"Remove everything in {current.folder}?", abort=True)
    control.reset(current)
    err.print("the sandbox is empty; `./tandem up` makes a new one")
