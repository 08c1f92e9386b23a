"""One attempt at a task: waits for its resources, runs or adopts the process, and reads what it left.

A timeout counts from the first process of a node, not from when it was queued as in Flyte: here tasks wait
for one machine's cores.
"""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flyteidl.core.execution_pb2 import ExecutionError
from flyteidl.core.literals_pb2 import LiteralMap
from flyteidl.core.tasks_pb2 import TaskTemplate

from sandbox.flyteadmin import moments
from sandbox.flyteadmin.config import FlyteAdminConfig
from sandbox.flyteadmin.graph.template import Paths, TemplateError, render
from sandbox.flyteadmin.runner import environment, process
from sandbox.flyteadmin.runner.capacity import CapacityQueue
from sandbox.flyteadmin.runner.raw_container import Folders
from sandbox.flyteadmin.runner.resources import Request
from sandbox.flyteadmin.runner.results import Outcome, failure, of_status, read_outcome
from sandbox.flyteadmin.storage import Storage
from sandbox.flyteadmin.store import Store
from sandbox.flyteadmin.store.tasks import WHOLE, Attempt, AttemptId, Phase

FLYTEKIT_COMMANDS = ("pyflyte-execute", "pyflyte-fast-execute", "pyflyte-map-execute")


@dataclass(frozen=True, kw_only=True)
class TaskRun:
    """All that one attempt needs to know."""

    id: AttemptId
    who: environment.Identity
    template: TaskTemplate
    request: Request
    inputs: LiteralMap
    paths: Paths
    overrides: dict[str, str]
    timeout_seconds: float = 0.0
    timeout_from: int = 0
    log: Path

    @property
    def is_flytekit(self) -> bool:
        """Say whether flytekit runs it, and so reports by files in S3."""
        container = self.template.container
        first = next(iter([*container.command, *container.args]), "")
        return Path(first).name in FLYTEKIT_COMMANDS


class Runner:
    """Runs attempts; what must survive a restart is in the store before it happens."""

    def __init__(self, config: FlyteAdminConfig, store: Store, storage: Storage) -> None:
        self.config = config
        self._store = store
        self._storage = storage
        self.capacity = CapacityQueue(config.capacity)

    def folder(self, attempt: AttemptId) -> Path:
        """Return where an attempt's process lives."""
        place = f"{attempt.subtask}-{attempt.attempt}" if attempt.subtask != WHOLE else str(attempt.attempt)
        return self.config.state_dir / "attempts" / str(attempt.execution_key) / attempt.node_id / place

    async def run(self, task: TaskRun, attempt: Attempt, started: Callable[[], None]) -> Outcome:
        """Run an attempt to its end; `started` is called when it has its resources and its process."""
        if reason := self.capacity.never_fits(task.request):
            return failure("ResourcesExceeded", reason)
        folder = self.folder(task.id)
        pid = attempt.pid or (process.find(folder) if attempt.phase == Phase.INITIALIZING else 0)
        if not pid and folder.exists():
            await asyncio.to_thread(shutil.rmtree, folder)
        running = bool(pid) and process.is_alive(pid or 0, folder)
        if pid and not running:
            outcome = await self._finish(task, pid)
        else:
            async with self.capacity.held(task.request, already_running=running):
                if not pid:
                    try:
                        pid = await self._start(task)
                    except (TemplateError, FileNotFoundError) as error:
                        return failure("ContainerCannotRun", str(error))
                self._store.attempts.change(task.id, Phase.RUNNING, pid=pid)
                started()
                since = task.timeout_from or attempt.started_at or moments.now()
                timed_out = not await self._ended_in_time(task, pid, since)
                outcome = await self._finish(task, pid, timed_out=timed_out)
        return outcome

    async def _start(self, task: TaskRun) -> int:
        command = await self._command(task)
        self._store.attempts.change(task.id, Phase.INITIALIZING, started_at=moments.now())
        return process.start(command)

    async def _command(self, task: TaskRun) -> process.Command:
        folder, container = self.folder(task.id), task.template.container
        (folder / "tmp").mkdir(parents=True, exist_ok=True)
        arguments = render([*container.command, *container.args], task.paths, task.inputs)
        variables = {each.key: each.value for each in container.env}
        if not task.is_flytekit and container.HasField("data_config"):
            folders = Folders(container.data_config, folder)
            await folders.fill(self._storage, task.inputs)
            arguments = [folders.localize(each) for each in arguments]
            variables = {name: folders.localize(value) for name, value in variables.items()}
        arguments = _unpacked_here(arguments)
        self._require_command(arguments, container.image)
        full = environment.base(self.config, folder, task.request) | variables | task.overrides
        full |= environment.of_flyte(self.config, task.who)
        if task.id.subtask != WHOLE:
            full |= environment.of_subtask(task.id.subtask)
        return process.Command(arguments=arguments, environment=full, folder=folder, log=task.log)

    def _require_command(self, arguments: list[str], image: str) -> None:
        if not arguments:
            raise FileNotFoundError(f"the task names no command, and image [{image}] is not run here")
        if shutil.which(arguments[0], path=environment.path(self.config)) is None:
            raise FileNotFoundError(
                f"command [{arguments[0]}] is not on this machine: the sandbox runs a container's command"
                f" as a local process and can't run image [{image}]"
            )

    async def _ended_in_time(self, task: TaskRun, pid: int, since: int) -> bool:
        folder = self.folder(task.id)
        passed = (moments.now() - since) / 1e9
        timeout = max(0.0, task.timeout_seconds - passed) if task.timeout_seconds else None
        try:
            async with asyncio.timeout(timeout):
                await process.ended(pid, folder)
        except TimeoutError:
            await process.stop(pid, folder, self.config.terminate_grace_seconds)
            return False
        return True

    async def _finish(self, task: TaskRun, pid: int, *, timed_out: bool = False) -> Outcome:
        folder = self.folder(task.id)
        process.sweep(pid)
        if timed_out:
            error = ExecutionError(
                code="TimeoutExpired",
                message=f"task active timeout [{task.timeout_seconds:g}s] expired",
                kind=ExecutionError.USER,
            )
            outcome = Outcome(error=error, timed_out=True)
        else:
            outcome = await self._judge(task, process.exit_status(folder))
        return outcome

    async def discard(self, attempt: AttemptId) -> None:
        """Remove the folder of an attempt whose outcome is stored."""
        await asyncio.to_thread(shutil.rmtree, self.folder(attempt), ignore_errors=True)

    async def stop(self, attempt: Attempt) -> None:
        """End an attempt's process, if it has one."""
        folder = self.folder(attempt.id)
        pid = attempt.pid or (process.find(folder) if attempt.phase == Phase.INITIALIZING else 0)
        if pid:
            await process.stop(pid, folder, self.config.terminate_grace_seconds)
        await self.discard(attempt.id)

    async def _judge(self, task: TaskRun, status: int | None) -> Outcome:
        prefix = task.paths.output_prefix
        if task.is_flytekit:
            reported = await read_outcome(self._storage, prefix, f"{prefix}/error.pb")
            # Without a status the process was killed; outputs that are there are whole all the same.
            if reported is not None and (status in (0, None) or reported.error is not None):
                return reported
            if reported is None and status == 0:
                # IgnoreOutputs: the task says it has none.
                return Outcome(outputs=LiteralMap())
            return of_status(status, is_flytekit=True)
        if status != 0:
            return of_status(status, is_flytekit=False)
        declared = task.template.interface.outputs
        if not declared.variables:
            return Outcome(outputs=LiteralMap())
        folders = Folders(task.template.container.data_config, self.folder(task.id))
        return await folders.collect(self._storage, declared, task.paths.raw_output_prefix)


def _unpacked_here(arguments: list[str]) -> list[str]:
    """Have fast registration unpack in the current directory, as `/root` is that of Flyte's images."""
    if arguments and Path(arguments[0]).name == "pyflyte-fast-execute" and "--dest-dir" in arguments:
        place = arguments.index("--dest-dir") + 1
        return [*arguments[:place], ".", *arguments[place + 1 :]]
    return arguments
