"""Driving executions: one asyncio task each, which replays what the store already knows after a restart."""

import asyncio
import logging
import shutil

from flyteidl.admin.execution_pb2 import AbortMetadata
from flyteidl.core.execution_pb2 import ExecutionError, WorkflowExecution
from flyteidl.core.identifier_pb2 import WorkflowExecutionIdentifier
from flyteidl.core.literals_pb2 import LiteralMap

from sandbox.flyteadmin.config import FlyteAdminConfig
from sandbox.flyteadmin.engine.abort import abort_open_nodes
from sandbox.flyteadmin.engine.context import Platform, Run
from sandbox.flyteadmin.engine.failures import NodeFailedError, system_error
from sandbox.flyteadmin.engine.launch import Launcher
from sandbox.flyteadmin.engine.nodes import run_node
from sandbox.flyteadmin.engine.workflow import Scope
from sandbox.flyteadmin.errors import failed_precondition
from sandbox.flyteadmin.runner.attempt import Runner
from sandbox.flyteadmin.storage import Storage
from sandbox.flyteadmin.store import Store
from sandbox.flyteadmin.store.executions import ExecutionRow

log = logging.getLogger(__name__)
Phase = WorkflowExecution.Phase


class Engine:
    """The executions that are under way."""

    def __init__(self, config: FlyteAdminConfig, store: Store, storage: Storage, launcher: Launcher) -> None:
        runner = Runner(config, store, storage)
        self._store = store
        self._state_dir = config.state_dir
        self._platform = Platform(config, store, storage, runner, launcher, self)
        self._drivers: dict[int, asyncio.Task[None]] = {}
        self._over: dict[int, asyncio.Event] = {}

    def resume(self) -> int:
        """Take up every execution that is not over; returns how many."""
        keys = self._store.executions.unfinished()
        for key in keys:
            self.begin(key)
        return len(keys)

    async def stop(self) -> None:
        """Stop driving; processes go on, and a later server takes them up."""
        drivers = list(self._drivers.values())
        for driver in drivers:
            driver.cancel()
        await asyncio.gather(*drivers, return_exceptions=True)

    def begin(self, key: int) -> None:
        """Drive an execution that is stored."""
        if key in self._drivers:
            return
        row = self._store.executions.by_key(key)
        aborting = row.closure.phase == Phase.ABORTING
        work = self._finish_abort(row) if aborting else self._drive(row)
        self._over.setdefault(key, asyncio.Event())
        self._follow(key, asyncio.ensure_future(work))

    def _follow(self, key: int, driver: asyncio.Task[None]) -> None:
        self._drivers[key] = driver

        def over(done: asyncio.Task[None]) -> None:
            if self._drivers.get(key) is done:
                del self._drivers[key]
            if not done.cancelled() and done.exception() is not None:
                log.error("execution %d is stuck until a restart", key, exc_info=done.exception())

        driver.add_done_callback(over)

    async def wait(self, key: int) -> ExecutionRow:
        """Return an execution once it is over."""
        row = self._store.executions.by_key(key)
        if not row.finished:
            await self._over.setdefault(key, asyncio.Event()).wait()
            row = self._store.executions.by_key(key)
        return row

    def terminate(self, identifier: WorkflowExecutionIdentifier, cause: str, principal: str) -> None:
        """Begin to end an execution; it is ABORTED once its processes are gone."""
        row = self._store.executions.get(identifier)
        if row.finished:
            raise failed_precondition("Cannot abort an already terminated workflow execution")
        if row.closure.phase == Phase.ABORTING:
            return
        abort = AbortMetadata(cause=cause, principal=principal)
        row = self._store.executions.set_phase(row.key, Phase.ABORTING, abort=abort)
        driver = self._drivers.get(row.key)
        if driver is not None:
            driver.cancel()
        self._follow(row.key, asyncio.ensure_future(self._finish_abort(row, driver)))

    async def _finish_abort(self, row: ExecutionRow, driver: asyncio.Task[None] | None = None) -> None:
        if driver is not None:
            await asyncio.gather(driver, return_exceptions=True)
        await abort_open_nodes(Run(self._platform, row), row.closure.abort_metadata.cause)
        self._end(row.key, Phase.ABORTED)

    async def _drive(self, row: ExecutionRow) -> None:
        try:
            run = Run(self._platform, row)
            if row.closure.phase == Phase.QUEUED:
                self._store.executions.set_phase(row.key, Phase.RUNNING)
            outputs = await Scope(run, run.closure.primary, row.inputs, "", run_node).outputs()
        except NodeFailedError as failure:
            self._end(row.key, Phase.FAILED, error=failure.error)
        except asyncio.CancelledError:
            raise
        except Exception as problem:
            log.exception("execution %s failed inside the server", row.id.name)
            await abort_open_nodes(Run(self._platform, row), "the server failed")
            error = system_error("InternalError", f"the embedded FlyteAdmin failed: {problem!r}")
            self._end(row.key, Phase.FAILED, error=error)
        else:
            self._end(row.key, Phase.SUCCEEDED, outputs=outputs)

    def _end(
        self,
        key: int,
        phase: int,
        *,
        outputs: LiteralMap | None = None,
        error: ExecutionError | None = None,
    ) -> None:
        self._store.executions.set_phase(key, phase, outputs=outputs, error=error)
        shutil.rmtree(self._state_dir / "attempts" / str(key), ignore_errors=True)
        over = self._over.pop(key, None)
        if over is not None:
            over.set()
