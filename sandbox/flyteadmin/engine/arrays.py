"""Map tasks: one node, one task execution, a process for each element."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from flyteidl.admin.task_execution_pb2 import TaskExecution
from flyteidl.core.catalog_pb2 import CatalogCacheStatus
from flyteidl.core.execution_pb2 import ExecutionError
from flyteidl.core.literals_pb2 import LiteralMap
from flyteidl.core.workflow_pb2 import ArrayNode, Node
from flyteidl.event.event_pb2 import ExternalResourceInfo

from sandbox.flyteadmin.engine.abort import abort_node
from sandbox.flyteadmin.engine.attempts import Place, output_prefix, run_attempts
from sandbox.flyteadmin.engine.caching import CachedTask
from sandbox.flyteadmin.engine.context import Run
from sandbox.flyteadmin.engine.failures import NodeFailedError, user_error
from sandbox.flyteadmin.engine.plans import TaskPlan, plan_task
from sandbox.flyteadmin.engine.tasks import new_record, task_execution_id, task_log
from sandbox.flyteadmin.graph.arrays import ArrayLengthError, element, gather, length, minimum_successes
from sandbox.flyteadmin.runner.results import Outcome
from sandbox.flyteadmin.store import nodes
from sandbox.flyteadmin.store.tasks import AttemptId, Phase

_SHOWN_ERRORS = 10


class MapRecord:
    """The one task execution a map task has, an external resource for each element."""

    def __init__(self, run: Run, plan: TaskPlan, place: Place, size: int) -> None:
        self._run = run
        self._place = place
        stored = run.store.tasks.find(run.key, place.node_id, 0)
        self.record: TaskExecution = stored or new_record(run, plan, place, 0)
        resources = self.record.closure.metadata.external_resources
        for index in range(len(resources), size):
            resources.append(ExternalResourceInfo(index=index, phase=Phase.QUEUED))
        self.save()

    def save(self) -> None:
        """Store it."""
        self._run.store.tasks.put(self._run.key, self.record)

    def set_phase(self, phase: int, error: ExecutionError | None = None) -> None:
        """Move the whole on."""
        self.record.closure.phase = phase
        if error is not None:
            self.record.closure.error.CopyFrom(error)
        self.save()

    def set_cache_status(self, index: int, status: CatalogCacheStatus) -> None:
        """Say what the cache had for an element."""
        resource = self.record.closure.metadata.external_resources[index]
        resource.cache_status = status
        if status == CatalogCacheStatus.CACHE_HIT:
            resource.phase = Phase.SUCCEEDED
        self.save()

    def queued(self, attempt: AttemptId) -> None:
        """An element's attempt waits."""
        self._move(attempt, Phase.QUEUED)

    def running(self, attempt: AttemptId) -> None:
        """An element's attempt has its process."""
        with self._run.store.database.transaction():
            self._run.store.nodes.set_phase(self._run.key, attempt.node_id, nodes.Phase.RUNNING)
            self.record.closure.phase = Phase.RUNNING
            self._move(attempt, Phase.RUNNING)

    def ended(self, attempt: AttemptId, phase: int, _outcome: Outcome) -> None:
        """An element's attempt is over; its outcome is kept with the attempt."""
        self._move(attempt, phase)

    def _move(self, attempt: AttemptId, phase: int) -> None:
        resource = self.record.closure.metadata.external_resources[attempt.subtask]
        resource.phase, resource.retry_attempt = phase, attempt.attempt
        resource.external_id = f"{self.record.closure.metadata.generated_name}-{attempt.subtask}"
        if phase == Phase.RUNNING:
            place = Place(node_id=attempt.node_id, subtask=attempt.subtask, inputs=LiteralMap(), input_uri="")
            log = task_log(self._run, place, attempt.attempt)
            if all(each.uri != log.uri for each in resource.logs):
                resource.logs.append(log)
        self.save()


@dataclass
class MapTask:
    """A map task in progress."""

    run: Run
    array: ArrayNode
    plan: TaskPlan
    node_id: str
    inputs: LiteralMap
    input_uri: str
    size: int

    def __post_init__(self) -> None:
        whole = Place(node_id=self.node_id, inputs=self.inputs, input_uri=self.input_uri)
        self._record = MapRecord(self.run, self.plan, whole, self.size)
        # Zero means no limit of its own: the machine's capacity is one already.
        self._slots = asyncio.Semaphore(self.array.parallelism or max(1, self.size))
        self._may_fail = self.size - minimum_successes(self.array, self.size)
        self._failures: dict[int, ExecutionError] = {}

    async def outputs(self) -> LiteralMap:
        """Run every element and return the lists of their outputs."""
        work = [asyncio.ensure_future(self._element(index)) for index in range(self.size)]
        try:
            results = await asyncio.gather(*work)
        except NodeFailedError as failure:
            await self._cancel(work)
            error = failure.error
            await abort_node(self.run, self.node_id, error, nodes.Phase.FAILED)
            raise
        except BaseException:
            await self._cancel(work)
            raise
        gathered = gather(results, self.plan.template.interface.outputs)
        self._record.set_phase(Phase.SUCCEEDED)
        return gathered

    @staticmethod
    async def _cancel(work: Sequence[asyncio.Future[LiteralMap | None]]) -> None:
        for each in work:
            each.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    async def _element(self, index: int) -> LiteralMap | None:
        single = element(self.inputs, index, self.array.bound_inputs)
        cached = CachedTask(self.run.store, self.plan, single)
        found = cached.look_up()
        if found is not None:
            self._record.set_cache_status(index, cached.status)
            return found
        place = Place(node_id=self.node_id, subtask=index, inputs=single, input_uri=self.input_uri)
        async with self._slots:
            outcome = await run_attempts(self.run, self.plan, place, self._record)
        if outcome.outputs is None:
            self._failed(index, outcome.error or ExecutionError())
            return None
        cached.keep(outcome.outputs, task_execution_id(self.run, self.plan, self.node_id, 0))
        if self.plan.cached:
            self._record.set_cache_status(index, cached.status)
        return outcome.outputs

    def _failed(self, index: int, error: ExecutionError) -> None:
        self._failures[index] = error
        if len(self._failures) <= self._may_fail:
            return
        shown = list(self._failures.items())[:_SHOWN_ERRORS]
        total = ExecutionError(code=error.code, kind=error.kind)
        total.message = "\n".join(f"[{place}]: {each.message}" for place, each in shown)
        self._record.set_phase(Phase.FAILED, total)
        raise NodeFailedError(total)


async def run_array_node(run: Run, node: Node, node_id: str, inputs: LiteralMap) -> LiteralMap:
    """Run a map task."""
    array = node.array_node
    try:
        size = length(inputs, array.bound_inputs)
    except ArrayLengthError as problem:
        error = user_error("InvalidArrayLength", str(problem))
        run.store.nodes.set_phase(run.key, node_id, nodes.Phase.FAILED, error=error)
        raise NodeFailedError(error) from None
    async with run.parallelism:
        input_uri = f"{run.metadata_uri(node_id)}/inputs.pb"
        await run.platform.storage.put(input_uri, inputs.SerializeToString(deterministic=True))
        run.store.nodes.set_phase(run.key, node_id, nodes.Phase.QUEUED, input_uri=input_uri)
        task = MapTask(run, array, plan_task(run, array.node), node_id, inputs, input_uri, size)
        outputs = await task.outputs()
    place = Place(node_id=node_id, inputs=inputs, input_uri=input_uri)
    uri = f"{output_prefix(run, place, 0)}/outputs.pb"
    run.store.nodes.set_phase(run.key, node_id, nodes.Phase.SUCCEEDED, outputs=outputs, output_uri=uri)
    return outputs
