"""A Flyte node against the same `pyflyte-execute` command run by hand: same inputs, environment and machine.

The node's time is from its task's creation to its end, the wait for resources included.
"""

import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

from flyteidl.admin.task_execution_pb2 import TaskExecution
from flyteidl.core.literals_pb2 import LiteralMap
from flyteidl.core.tasks_pb2 import TaskTemplate
from tandem_flyte.client import AdminClient

from bench import calls
from bench.result import Goal, Result, median
from bench.stand import Stand, until
from sandbox import flyte
from sandbox.flyteadmin.config import FlyteAdminConfig
from sandbox.flyteadmin.graph.template import Paths, render
from sandbox.flyteadmin.runner import environment
from sandbox.flyteadmin.runner.resources import Request

ROUNDS, QUICK_ROUNDS = 7, 2
MOST = 1.3
NODE = "n0"
ENDED = {"SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT"}


def measure(stand: Stand) -> Result:
    """Time both in turns, after one of each that is not counted."""
    stand.up()
    client, by_hand = stand.flyte(), ByHand(stand)
    run = uuid.uuid4().hex[:8]
    node_seconds, hand_seconds = [], []
    for number in range(1 + (QUICK_ROUNDS if stand.quick else ROUNDS)):
        executed = _execute(client, f"add{run}{number}", number)
        node_seconds.append(_seconds(executed))
        hand_seconds.append(by_hand.seconds(client, executed))
        stand.say(f"round {number}: node {node_seconds[-1]:.2f} s, by hand {hand_seconds[-1]:.2f} s")
    client.close()
    ratio = median(node_seconds[1:]) / median(hand_seconds[1:])
    return Result(
        name="node_overhead",
        values={"node_seconds": node_seconds[1:], "by_hand_seconds": hand_seconds[1:]},
        goals=(Goal("a Flyte node / the same pyflyte-execute by hand", ratio, MOST),),
    )


def _execute(client: AdminClient, name: str, number: int) -> TaskExecution:
    calls.create(client, "bench_add", name, a=number, b=1)
    until(lambda: flyte.phase(calls.get(client, name)) in ENDED, 120, name)
    if (phase := flyte.phase(calls.get(client, name))) != "SUCCEEDED":
        raise RuntimeError(f"execution {name} {phase}")
    return calls.task_execution(client, name, NODE)


def _seconds(executed: TaskExecution) -> float:
    closure = executed.closure
    end = closure.started_at.ToNanoseconds() + closure.duration.ToNanoseconds()
    return float(end - closure.created_at.ToNanoseconds()) / 1e9


class ByHand:
    """Runs a task's command as the sandbox would, without the sandbox."""

    def __init__(self, stand: Stand) -> None:
        config = (stand.folder / "flyteadmin" / "config.json").read_text()
        self._config = FlyteAdminConfig.model_validate_json(config)

    def seconds(self, client: AdminClient, executed: TaskExecution) -> float:
        """Run what a task execution ran, with its inputs; returns the seconds."""
        template = calls.task(client, executed.id.task_id).closure.compiled_task.template
        with tempfile.TemporaryDirectory(prefix="tandem-bench-by-hand-") as name:
            folder = Path(name)
            (folder / "tmp").mkdir()
            command, env = self._command(template, executed), self._environment(template, folder)
            began = time.monotonic()
            done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
            seconds = time.monotonic() - began
        if done.returncode:
            raise RuntimeError(f"{command[0]} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
        return seconds

    def _command(self, template: TaskTemplate, executed: TaskExecution) -> list[str]:
        outputs = executed.input_uri.removesuffix("inputs.pb") + "by-hand"
        paths = Paths(
            input=executed.input_uri,
            input_prefix=executed.input_uri.removesuffix("/inputs.pb"),
            output_prefix=outputs,
            raw_output_prefix=f"{outputs}/raw",
            checkpoint=f"{outputs}/checkpoint",
            previous_checkpoint="",
            unique_key="by-hand",
        )
        words = render([*template.container.command, *template.container.args], paths, LiteralMap())
        # The sandbox, too, unpacks a fast registration's code where it runs.
        place = words.index("--dest-dir") + 1 if "--dest-dir" in words else len(words)
        return [
            str(self._config.python_bin_dir / words[0]),
            *words[1:place],
            *["."][: len(words) - place],
            *words[place + 1 :],
        ]

    def _environment(self, template: TaskTemplate, folder: Path) -> Mapping[str, str]:
        found = environment.base(self._config, folder, Request(cpu=1))
        return found | {each.key: each.value for each in template.container.env}
