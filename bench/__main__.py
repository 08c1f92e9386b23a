"""Runs the measurements one after another: `./tandem bench [--list] [--quick] [NAME …]`."""

import argparse
import inspect
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from bench import dag_import, handover, node_overhead, pipeline, slots, triggerer, warm_up
from bench.result import Result, rounded
from bench.stand import Stand
from sandbox import state

RESULTS = Path(__file__).parent / "results"
# In an order that needs few restarts of the sandbox.
MODULES = (dag_import, warm_up, pipeline, node_overhead, handover, triggerer, slots)
MEASUREMENTS: dict[str, ModuleType] = {module.__name__.rpartition(".")[2]: module for module in MODULES}

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def main() -> int:
    """Exit status 0 where every goal is met, 1 where one is not or could not be measured, 130 for Ctrl-C."""
    options = _options()
    if options.list:
        for name, module in MEASUREMENTS.items():
            out.print(f"[bold]{name}[/bold]: {_first_line(module)}", soft_wrap=True)
        return 0
    signal.signal(signal.SIGTERM, _interrupt)
    names = [name for name in MEASUREMENTS if not options.names or name in options.names]
    results: list[Result] = []
    stand = Stand(quick=options.quick, say=lambda _: None)
    interrupted = False
    try:
        for name in names:
            results.append(_measured(name, stand))
    except KeyboardInterrupt:
        err.print("interrupted: stopping the benchmarks' sandbox")
        interrupted = True
    finally:
        failed = any(result.error for result in results)
        stand.close(keep=failed)
        if failed:
            err.print(f"logs of what failed are in {stand.folder}", soft_wrap=True)
    if interrupted:
        return 130
    path = _write(results, quick=options.quick)
    out.print(_table(results))
    out.print(f"written to {os.path.relpath(path)}", soft_wrap=True)
    return 0 if all(result.met for result in results) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./tandem bench", description="Measure what the README quotes.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="measurements to make; all by default")
    parser.add_argument("--list", action="store_true", help="name the measurements")
    parser.add_argument("--quick", action="store_true", help="few rounds: to see it work, not for its figures")
    options = parser.parse_args()
    if unknown := set(options.names) - set(MEASUREMENTS):
        parser.error(f"no measurement {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}")
    return options


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _first_line(module: ModuleType) -> str:
    return (inspect.getdoc(module) or "").partition("\n")[0]


def _measured(name: str, stand: Stand) -> Result:
    """Make one measurement; one that fails does not keep the others from being made."""
    began = time.monotonic()
    err.print(f"[bold]{name}[/bold]: {_first_line(MEASUREMENTS[name])}", soft_wrap=True)
    stand.say = lambda text: err.print(f"  {time.monotonic() - began:5.0f} s  {text}", markup=False, soft_wrap=True)
    measure: Callable[[Stand], Result] = MEASUREMENTS[name].measure
    try:
        return measure(stand)
    except Exception as error:
        stand.say(f"failed: {error}")
        return Result(name=name, values={}, goals=(), error=f"{type(error).__name__}: {error}")


def _write(results: list[Result], *, quick: bool) -> Path:
    now = datetime.now(UTC)
    found: dict[str, Any] = {
        "time": now.isoformat(timespec="seconds"),
        "quick": quick,
        "commit": state.code_version(state.root()),
        "machine": {
            "cores": os.cpu_count(),
            "memory_gib": rounded(psutil.virtual_memory().total / 2**30),
            "system": platform.platform(terse=True),
            "python": platform.python_version(),
            "airflow": metadata.version("apache-airflow"),
        },
        "results": [result.as_json() for result in results],
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
    text = json.dumps(found, indent=2) + "\n"
    path.write_text(text)
    (RESULTS / "latest.json").write_text(text)
    return path


def _table(results: list[Result]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("", "measured", "measured value", "at most", ""):
        table.add_column(heading, justify="right" if heading in ("measured value", "at most") else "left")
    for result in results:
        if result.error:
            table.add_row(result.name, result.error.partition("\n")[0], "", "", "[red]failed[/red]")
        for goal in result.goals:
            verdict = "[green]met[/green]" if goal.met else "[red]missed[/red]"
            table.add_row(
                result.name, goal.what, _figure(goal.measured, goal.unit), _figure(goal.most, goal.unit), verdict
            )
    return table


def _figure(value: float, unit: str) -> str:
    return f"{rounded(float(value)):g} {unit}"


if __name__ == "__main__":
    sys.exit(main())
