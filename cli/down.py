"""`./tandem down`."""

from cli.console import err
from sandbox import control, state


def command() -> None:
    """Stop the sandbox and keep its data: the next `up` finds runs, models and objects again."""
    with err.status("stopping the services"):
        stopped = control.stop(state.load())
    err.print("the sandbox is stopped; its data stays in .tandem/" if stopped else "the sandbox was not running")
