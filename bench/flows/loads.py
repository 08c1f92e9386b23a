"""Raw containers cost no Python process; `add` is the least that a Python task can do."""

from flytekit import ContainerTask, LaunchPlan, Resources, kwtypes, task, workflow

IMAGE = "docker.io/library/busybox:1.37"
SECONDS = kwtypes(seconds=int)
COMMAND = ["sleep", "{{.inputs.seconds}}"]

sleeper = ContainerTask(
    name="bench_sleeper", image=IMAGE, command=COMMAND, inputs=SECONDS, requests=Resources(cpu="10m")
)
# Takes a whole core, so that of many all but a few are queued.
holder = ContainerTask(name="bench_holder", image=IMAGE, command=COMMAND, inputs=SECONDS, requests=Resources(cpu="1"))


@workflow
def bench_sleep(seconds: int) -> None:
    """Sleep."""
    sleeper(seconds=seconds)


@workflow
def bench_hold(seconds: int) -> None:
    """Hold a core and sleep."""
    holder(seconds=seconds)


@task
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@workflow
def bench_add(a: int, b: int) -> int:
    """Add."""
    total: int = add(a=a, b=b)
    return total


for flow in (bench_sleep, bench_hold, bench_add):
    LaunchPlan.get_or_create(flow, name=flow.name.rpartition(".")[2])
