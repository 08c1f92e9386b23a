"""`./tandem test`."""

import os
import subprocess
from typing import Annotated, Literal

import typer

from sandbox import state


def command(
    context: typer.Context,
    tier: Annotated[Literal["all", "fast"], typer.Argument(help="`fast` needs no running service.")] = "all",
) -> None:
    """Run the kit's tests: format, lint and types, then pytest, fast tests first.

    Further words go to pytest, e.g. `./tandem test all -k cancel -x`.
    """
    root = state.root()
    python = str(root / ".venv" / "bin" / "python")
    checks = [
        [python, "-m", "ruff", "check", "--quiet", "."],
        [python, "-m", "ruff", "format", "--check", "--quiet", "."],
        [python, "-m", "mypy", "components", "cli", "sandbox", "provider/tandem_flyte", "workflows"],
    ]
    failed = [check for check in checks if subprocess.run(check, cwd=root).returncode]
    for check in failed:
        typer.echo(f"tandem: `{' '.join(check[2:])}` failed", err=True)
    selection = ["-m", "not slow"] if tier == "fast" else []
    tests = subprocess.run([python, "-m", "pytest", *selection, *context.args], cwd=root, env=dict(os.environ))
    raise typer.Exit(tests.returncode or bool(failed))
