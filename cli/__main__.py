"""Gathers the commands, and turns what a person can mend into one plain sentence."""

import sys

import httpx
import typer

from cli import bench, down, env, logs, reset, run, status, test, trace, up
from cli.console import complain
from sandbox.control import SandboxError

HELP = """Airflow schedules, Flyte computes: both as one ML platform.

Start with `./tandem up`: it starts Airflow, Flyte, MLflow and S3 on this machine, runs the sample
pipeline through them and says where everything is. Then open the Airflow page it names, change a
file in dags/ or workflows/, and `./tandem run DAG`.

`./tandem down` stops it all and keeps the data; `./tandem reset` removes the data too.
"""

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
for module in (up, down, status, logs, run, trace, env, reset):
    app.command(module.__name__.rpartition(".")[2])(module.command)
# These hand every further word to pytest and to the benchmarks.
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
app.command("test", context_settings=PASS_ON)(test.command)
app.command("bench", context_settings=PASS_ON)(bench.command)


def main() -> int:
    """Run one command; exit status 1 for a failure that is explained, 130 for Ctrl-C."""
    try:
        app(prog_name="./tandem")
    except SandboxError as error:
        complain(str(error))
        return 1
    except httpx.HTTPError as error:
        complain(f"a service did not answer: {error}. See `./tandem status`.")
        return 1
    except KeyboardInterrupt:
        complain("interrupted; what runs in the background goes on (`./tandem status`)")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
