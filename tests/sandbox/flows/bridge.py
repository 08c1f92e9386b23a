"""Raw containers that sleep cost no Python process; the rest fail in the ways Flyte can."""

from datetime import timedelta

from flytekit import ContainerTask, LaunchPlan, Resources, kwtypes, task, workflow
from flytekit.core.base_task import TaskMetadata

IMAGE = "docker.io/library/busybox:1.37"
LIGHT = Resources(cpu="10m")
SECONDS = kwtypes(seconds=int)

sleeper = ContainerTask(
    name="sleeper", image=IMAGE, command=["sleep", "{{.inputs.seconds}}"], inputs=SECONDS, requests=LIGHT
)
impatient = ContainerTask(
    name="impatient",
    image=IMAGE,
    command=["sleep", "{{.inputs.seconds}}"],
    inputs=SECONDS,
    requests=LIGHT,
    metadata=TaskMetadata(timeout=timedelta(seconds=2)),
)


@workflow
def sleep_for(seconds: int) -> None:
    """Sleep."""
    sleeper(seconds=seconds)


@workflow
def time_out(seconds: int) -> None:
    """Sleep for longer than the task may."""
    impatient(seconds=seconds)


@task
def divide(a: float, b: float) -> float:
    """Divide; fails for b = 0."""
    if b == 0:
        raise ValueError("the denominator must not be zero")
    return a / b


@workflow
def division(a: float, b: float) -> float:
    """Divide."""
    return divide(a=a, b=b)


LaunchPlan.get_or_create(sleep_for, name="sleep_for")
LaunchPlan.get_or_create(time_out, name="time_out")
LaunchPlan.get_or_create(division, name="division")
