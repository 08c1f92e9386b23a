"""`./tandem logs`."""

from typing import Annotated

import typer

from sandbox import control, state


def command(
    service: Annotated[str, typer.Argument(help="A name that `./tandem status --json` lists, or `supervisor`.")],
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last lines.")] = 100,
    keep_on: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is added.")] = False,
) -> None:
    """Print a service's log."""
    folder = state.load().logs
    path = folder / f"{service}.log"
    if not path.exists():
        known = ", ".join(sorted(log.stem for log in folder.glob("*.log"))) or "none yet"
        raise control.SandboxError(f"no log of {service!r}; there are: {known}")
    for line in control.follow(path, lines, keep_on):
        print(line, end="", flush=True)
