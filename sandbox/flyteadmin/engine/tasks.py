"""Task nodes."""

from dataclasses import dataclass

from flyteidl.admin.task_execution_pb2 import TaskExecution
from flyteidl.core.execution_pb2 import TaskLog
from flyteidl.core.identifier_pb2 import TaskExecutionIdentifier
from flyteidl.core.literals_pb2 import LiteralMap
from flyteidl.core.workflow_pb2 import Node

from sandbox.flyteadmin.engine.attempts import Place, output_prefix, run_attempts
from sandbox.flyteadmin.engine.caching import CachedTask
from sandbox.flyteadmin.engine.context import Run
from sandbox.flyteadmin.engine.failures import NodeFailedError
from sandbox.flyteadmin.engine.plans import TaskPlan, plan_task
from sandbox.flyteadmin.runner.results import Outcome
from sandbox.flyteadmin.store import nodes
from sandbox.flyteadmin.store.tasks import AttemptId, Phase

PLUGIN = "process"


def task_execution_id(run: Run, plan: TaskPlan, node_id: str, attempt: int) -> TaskExecutionIdentifier:
    """Return the identifier of one attempt at a node's task."""
    return TaskExecutionIdentifier(
        task_id=plan.template.id, node_execution_id=run.node_execution_id(node_id), retry_attempt=attempt
    )


def new_record(run: Run, plan: TaskPlan, place: Place, attempt: int) -> TaskExecution:
    """Return a task execution that is queued."""
    identifier = task_execution_id(run, plan, place.node_id, attempt)
    record = TaskExecution(id=identifier, input_uri=place.input_uri)
    record.closure.phase = Phase.QUEUED
    record.closure.task_type = plan.template.type
    record.closure.event_version = 1
    record.closure.metadata.plugin_identifier = PLUGIN
    record.closure.metadata.generated_name = f"{run.row.id.name}-{place.node_id}-{attempt}"
    return record


def task_log(run: Run, place: Place, attempt: int) -> TaskLog:
    """Return the link to an attempt's log."""
    uri = run.log_url(place.node_id, place.name(attempt))
    return TaskLog(uri=uri, name="Task log", message_format=TaskLog.UNKNOWN)


@dataclass(frozen=True)
class _Observer:
    run: Run
    plan: TaskPlan
    place: Place

    def _put(self, attempt: AttemptId, phase: int, outcome: Outcome | None = None) -> None:
        run, number = self.run, attempt.attempt
        found = run.store.tasks.find(run.key, attempt.node_id, number)
        record = found or new_record(run, self.plan, self.place, number)
        closure = record.closure
        closure.phase = phase
        if phase == Phase.RUNNING and not closure.logs:
            closure.logs.append(task_log(run, self.place, number))
        if outcome is not None and outcome.error is not None:
            closure.error.CopyFrom(outcome.error)
            closure.reason = outcome.error.message
        elif outcome is not None:
            closure.output_uri = f"{output_prefix(run, self.place, number)}/outputs.pb"
        run.store.tasks.put(run.key, record)

    def queued(self, attempt: AttemptId) -> None:
        if self.run.store.tasks.find(self.run.key, attempt.node_id, attempt.attempt) is None:
            self._put(attempt, Phase.QUEUED)

    def running(self, attempt: AttemptId) -> None:
        run = self.run
        with run.store.database.transaction():
            self._put(attempt, Phase.RUNNING)
            run.store.nodes.set_phase(run.key, attempt.node_id, nodes.Phase.RUNNING)

    def ended(self, attempt: AttemptId, phase: int, outcome: Outcome) -> None:
        self._put(attempt, phase, outcome)


async def run_task_node(run: Run, node: Node, node_id: str, inputs: LiteralMap) -> LiteralMap:
    """Run a task node, or take its outputs from the cache."""
    plan = plan_task(run, node)
    cached = CachedTask(run.store, plan, inputs)
    found = cached.look_up()
    if found is not None:
        _finish(run, node_id, cached, Outcome(outputs=found), "")
        return found
    async with run.parallelism:
        input_uri = f"{run.metadata_uri(node_id)}/inputs.pb"
        await run.platform.storage.put(input_uri, inputs.SerializeToString(deterministic=True))
        run.store.nodes.set_phase(run.key, node_id, nodes.Phase.QUEUED, input_uri=input_uri)
        place = Place(node_id=node_id, inputs=inputs, input_uri=input_uri)
        outcome = await run_attempts(run, plan, place, _Observer(run, plan, place))
    last = run.store.attempts.of_node(run.key, node_id)[-1].id.attempt
    if outcome.outputs is not None:
        cached.keep(outcome.outputs, task_execution_id(run, plan, node_id, last))
    _finish(run, node_id, cached, outcome, f"{output_prefix(run, place, last)}/outputs.pb")
    if outcome.outputs is None:
        raise NodeFailedError(run.store.nodes.get(run.key, node_id).record.closure.error)
    return outcome.outputs


def _finish(run: Run, node_id: str, cached: CachedTask, outcome: Outcome, output_uri: str) -> None:
    with run.store.database.transaction():
        record = run.store.nodes.get(run.key, node_id).record
        metadata = record.closure.task_node_metadata
        metadata.SetInParent()
        metadata.cache_status = cached.status
        if cached.metadata is not None:
            metadata.catalog_key.CopyFrom(cached.metadata)
        record.closure.deck_uri = outcome.deck_uri
        run.store.nodes.change(run.key, record)
        failed = nodes.Phase.TIMED_OUT if outcome.timed_out else nodes.Phase.FAILED
        phase = failed if outcome.outputs is None else nodes.Phase.SUCCEEDED
        run.store.nodes.set_phase(
            run.key, node_id, phase, outputs=outcome.outputs, output_uri=output_uri, error=outcome.error
        )
