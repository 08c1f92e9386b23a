"""One workflow for each thing that the bridge has to carry across."""

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
from flytekit import ContainerTask, FlyteFile, LaunchPlan, Resources, StructuredDataset, kwtypes, task, workflow

SMALL = Resources(cpu="100m", mem="10Mi")


class Colour(enum.Enum):
    """A choice."""

    RED = "red"
    BLUE = "blue"


@dataclass
class Settings:
    """A struct."""

    rounds: int
    names: list[str]


@task(requests=SMALL)
def echo(
    count: int,
    rate: float,
    name: str,
    is_on: bool,
    when: datetime,
    span: timedelta,
    names: list[str],
    metrics: dict[str, float],
    settings: Settings,
    colour: Colour,
    maybe: int | None,
    file: FlyteFile,
    table: StructuredDataset,
) -> tuple[
    int, float, str, bool, datetime, timedelta, list[str], dict[str, float], Settings, Colour, int | None, str, int
]:
    """Return what came in; of file and table, what is in them."""
    rows = len(table.open(pd.DataFrame).all())
    text = Path(file).read_text()
    return count, rate, name, is_on, when, span, names, metrics, settings, colour, maybe, text, rows


@workflow
def echo_wf(
    count: int,
    rate: float,
    name: str,
    is_on: bool,
    when: datetime,
    span: timedelta,
    names: list[str],
    metrics: dict[str, float],
    settings: Settings,
    colour: Colour,
    maybe: int | None,
    file: FlyteFile,
    table: StructuredDataset,
) -> tuple[
    int, float, str, bool, datetime, timedelta, list[str], dict[str, float], Settings, Colour, int | None, str, int
]:
    """Every type that goes in and out."""
    return echo(
        count=count,
        rate=rate,
        name=name,
        is_on=is_on,
        when=when,
        span=span,
        names=names,
        metrics=metrics,
        settings=settings,
        colour=colour,
        maybe=maybe,
        file=file,
        table=table,
    )


@task(requests=SMALL)
def double(n: int) -> int:
    """Return twice the number."""
    return 2 * n


@task(requests=SMALL)
def write(text: str) -> FlyteFile:
    """Write a file to S3."""
    file = Path("written.txt")
    file.write_text(text)
    return FlyteFile(str(file))


@task(requests=SMALL)
def fail(why: str) -> int:
    """Raise."""
    if why:
        raise ValueError(why)
    return 0


@task(requests=SMALL)
def wait_for_flag(n: int, flag: str) -> int:
    """Fail until the file is there."""
    if not Path(flag).exists():
        raise FileNotFoundError(flag)
    return n + 1


nap = ContainerTask(
    name="nap",
    image="none",
    command=["sleep", "{{.inputs.seconds}}"],
    inputs=kwtypes(seconds=float),
    requests=Resources(cpu="20m", mem="1Mi"),
)


@workflow
def double_wf(n: int) -> tuple[int, FlyteFile]:
    """A number and a file."""
    return double(n=n), write(text="hello")


@workflow
def fail_wf(why: str) -> int:
    """Ends FAILED."""
    return fail(why=why)


@workflow
def nap_wf(seconds: float) -> None:
    """Takes its time."""
    nap(seconds=seconds)


@workflow
def recover_wf(n: int, flag: str) -> int:
    """One node that succeeds and one that fails at first."""
    return wait_for_flag(n=double(n=n), flag=flag)


for name, flow in {"echo": echo_wf, "double": double_wf, "fail": fail_wf, "nap": nap_wf, "recover": recover_wf}.items():
    globals()[f"{name}_plan"] = LaunchPlan.get_or_create(flow, name=name)
