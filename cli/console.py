"""Where commands print: results to stdout, everything else to stderr."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from sandbox.supervisor import Status

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

STYLES = {
    "healthy": "green",
    "success": "green",
    "SUCCEEDED": "green",
    "failed": "red",
    "FAILED": "red",
    "starting": "yellow",
    "running": "yellow",
    "restarting": "yellow",
}


def complain(message: str) -> None:
    """Say what went wrong."""
    err.print(f"[red]tandem:[/red] {message}", soft_wrap=True)


def print_json(value: Any) -> None:
    """Print one JSON object for programs."""
    print(json.dumps(value, indent=2, default=str))


def styled(state: str) -> str:
    """Colour a state as good, bad or under way."""
    style = STYLES.get(state, "dim")
    return f"[{style}]{state}[/{style}]"


def services_table(status: Status) -> Table:
    """Show the services, one a line."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for service in status.services.values():
        restarts = f"restarted {service.restarts} times" if service.restarts else ""
        table.add_row(f"  {service.title}", styled(service.phase), service.detail or restarts)
    return table


class Progress:
    """Shows the services while they start: a live table on a terminal, a line per change elsewhere."""

    def __init__(self, live: Live | None) -> None:
        self._live, self._seen = live, dict[str, str]()

    def __call__(self, status: Status) -> None:
        """Show the newest status."""
        if self._live:
            self._live.update(services_table(status))
            return
        for service in status.services.values():
            line = f"{service.title}: {service.phase}"
            if self._seen.get(service.title) != line:
                self._seen[service.title] = line
                err.print(f"  {line}")


@contextmanager
def progress() -> Iterator[Progress]:
    """Yield something that shows the services' status."""
    if err.is_terminal:
        with Live(console=err, refresh_per_second=8) as live:
            yield Progress(live)
    else:
        yield Progress(None)
