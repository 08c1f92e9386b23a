"""`./tandem bench`."""

import os
import sys

import typer

from sandbox import state


def command(context: typer.Context) -> None:
    """Measure what the README quotes: ratios within one run, as a table and as JSON in bench/results/.

    Name some to run only those; `./tandem bench --list` names all.
    """
    root = state.root()
    python = str(root / ".venv" / "bin" / "python")
    os.chdir(root)
    sys.stdout.flush()
    # In this process's place: Ctrl-C must leave it the time to stop its sandbox.
    os.execv(python, [python, "-m", "bench", *context.args])
