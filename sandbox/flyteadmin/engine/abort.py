"""Ending what still runs: processes first, then the records say so.

It works from the store alone, so that it is the same for a live execution and for one whose server was killed.
"""

import asyncio
from typing import TYPE_CHECKING

from flyteidl.core.execution_pb2 import ExecutionError

from sandbox.flyteadmin.engine.failures import user_error
from sandbox.flyteadmin.store import tasks
from sandbox.flyteadmin.store.nodes import Phase

if TYPE_CHECKING:
    from sandbox.flyteadmin.engine.context import Run


async def abort_open_nodes(run: "Run", cause: str, *, inside: str = "") -> None:
    """End the unfinished nodes of an execution, or only those inside one node."""
    open_ids = run.store.nodes.open_ids(run.key, inside)
    error = user_error("Aborted", cause)
    await asyncio.gather(*(abort_node(run, each, error) for each in open_ids if each != inside))


async def abort_node(run: "Run", node_id: str, error: ExecutionError, phase: int = Phase.ABORTED) -> None:
    """End one node's processes and child execution, and mark it and its task executions."""
    attempts = [each for each in run.store.attempts.of_node(run.key, node_id) if not each.finished]
    await asyncio.gather(*(run.platform.runner.stop(each) for each in attempts))
    await _abort_child(run, node_id, error.message)
    with run.store.database.transaction():
        for attempt in attempts:
            run.store.attempts.change(attempt.id, tasks.Phase.ABORTED, error=error.SerializeToString())
        for record in run.store.tasks.of_node(run.key, node_id):
            if record.closure.phase not in tasks.FINISHED:
                record.closure.phase = tasks.Phase.ABORTED
                record.closure.error.CopyFrom(error)
                run.store.tasks.put(run.key, record)
        run.store.nodes.set_phase(run.key, node_id, phase, error=error)


async def _abort_child(run: "Run", node_id: str, cause: str) -> None:
    closure = run.store.nodes.get(run.key, node_id).record.closure
    if not closure.HasField("workflow_node_metadata"):
        return
    child = run.store.executions.find(closure.workflow_node_metadata.executionId)
    if child is not None and not child.finished:
        run.platform.executions.terminate(child.id, cause, run.row.spec.metadata.principal)
        await run.platform.executions.wait(child.key)
