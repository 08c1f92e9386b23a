"""`./tandem bench`."""

import subprocess

import typer

from sandbox import state


def command(context: typer.Context) -> None:
    """Measure what the README quotes: ratios within one run, as a table and as JSON in bench/results/.

    Name some to run only those; `./tandem bench --list` names all.
    """
    root = state.root()
    python = str(root / ".venv" / "bin" / "python")
    raise typer.Exit(subprocess.run([python, "-m", "bench", *context.args], cwd=root).returncode)
