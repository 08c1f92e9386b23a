"""The plain things: tasks, defaults, sub-workflows, launch-plan nodes, files, Decks, raw containers."""

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import flytekit
from flytekit import ContainerTask, Deck, FlyteFile, LaunchPlan, Resources, kwtypes, task, workflow

SMALL = Resources(cpu="500m", mem="10Mi")


@dataclass
class Point:
    """Something with attributes to promise."""

    x: int
    label: str


@task(requests=SMALL)
def square(n: int) -> int:
    """Return the square."""
    return n * n


@task(requests=SMALL, enable_deck=True)
def describe(n: int, names: list[str], extra: dict[str, int]) -> Point:
    """Take a collection and a map, show a Deck."""
    Deck("numbers", f"<b>deck of {n}</b>")
    return Point(x=n + extra["one"], label="-".join(names))


@task(requests=SMALL)
def surroundings(label: str, x: int) -> dict[str, str]:
    """Return what the process sees of its environment."""
    context = flytekit.current_context()
    shown = ("HOME", "OMP_NUM_THREADS", "FLYTE_INTERNAL_TASK_NAME", "FROM_TASK_ENV", "LEAKED")
    return {
        "label": label,
        "x": str(x),
        "execution": context.execution_id.name,
        **{name: os.environ.get(name, "absent") for name in shown},
    }


@task(requests=SMALL)
def write_file(text: str) -> FlyteFile:
    """Write a file to the raw output prefix."""
    file = Path("written.txt")
    file.write_text(text)
    return FlyteFile(str(file))


@workflow
def inner(n: int) -> int:
    """Square twice."""
    return square(n=square(n=n))


@workflow
def two_tasks(n: int = 3) -> tuple[Point, dict[str, str]]:
    """Two tasks joined by constants, a collection, a map and attribute paths."""
    squared = square(n=n)
    point = describe(n=squared, names=["a", "b"], extra={"one": 1})
    return point, surroundings(label=point.label, x=point.x)


@workflow
def nested(n: int) -> tuple[int, FlyteFile]:
    """A sub-workflow and a launch-plan node side by side."""
    return square_plan(n=inner(n=n)), write_file(text="hello")


@workflow
def squared(n: int) -> int:
    """One task."""
    return square(n=n)


square_plan = LaunchPlan.get_or_create(squared, name="square_plan", default_inputs={"n": 5})
fixed_plan = LaunchPlan.get_or_create(squared, name="fixed_plan", fixed_inputs={"n": 4})

sleeper = ContainerTask(
    name="sleeper",
    image="alpine",
    command=["sleep", "{{.inputs.seconds}}"],
    inputs=kwtypes(seconds=float),
    requests=Resources(cpu="20m"),
)

greeter = ContainerTask(
    name="greeter",
    image="alpine",
    input_data_dir="/var/inputs",
    output_data_dir="/var/outputs",
    command=[
        "sh",
        "-c",
        "printf 'hello %s' $(cat /var/inputs/name) > /var/outputs/greeting; printf 7 > /var/outputs/n",
    ],
    inputs=kwtypes(name=str),
    outputs=kwtypes(greeting=str, n=int),
)

absent = ContainerTask(name="absent", image="alpine", command=["no-such-command"], requests=Resources(cpu="20m"))
exits = ContainerTask(name="exits", image="alpine", command=["sh", "-c", "exit 3"], requests=Resources(cpu="20m"))
too_large = ContainerTask(name="too_large", image="alpine", command=["true"], requests=Resources(gpu="4"))


@workflow
def greet(name: str) -> tuple[str, int]:
    """A raw container with inputs and outputs."""
    return greeter(name=name)


@workflow
def sleep_for(seconds: float) -> None:
    """A raw container that sleeps."""
    sleeper(seconds=seconds)


@workflow
def sleep_twice(seconds: float) -> None:
    """Two raw containers that sleep side by side."""
    sleeper(seconds=seconds)
    sleeper(seconds=seconds)


@workflow
def sleep_too_long(seconds: float) -> None:
    """A raw container that times out."""
    sleeper(seconds=seconds).with_overrides(timeout=timedelta(seconds=1))


@workflow
def absent_command() -> None:
    """A command that this machine lacks."""
    absent()


@workflow
def exits_three() -> None:
    """A command that fails."""
    exits().with_overrides(retries=1)


@workflow
def never_fits() -> None:
    """More GPUs than there are."""
    too_large()
