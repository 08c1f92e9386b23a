"""`./tandem trace`."""

from typing import Annotated

import typer
import yaml

from cli.console import print_json
from sandbox import control, pipeline, state


def command(
    uri: Annotated[str, typer.Argument(help="A predictions file: `./tandem up` and the consumer's log name them.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Print where a prediction comes from: model, Flyte execution, feature versions, raw rows."""
    current = state.load()
    control.require_running(current)
    chain = pipeline.trace(current, uri)
    if as_json:
        print_json(chain)
    else:
        print(yaml.safe_dump(chain, sort_keys=False, width=10_000), end="")
