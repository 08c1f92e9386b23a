"""The attempts at one task, or at one element of a map task, until one succeeds or no other may follow."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from flyteidl.core.literals_pb2 import LiteralMap

from sandbox.flyteadmin.engine.context import Run
from sandbox.flyteadmin.engine.plans import TaskPlan
from sandbox.flyteadmin.engine.retries import final_error, may_retry, pause_seconds
from sandbox.flyteadmin.graph.template import Paths
from sandbox.flyteadmin.runner.attempt import TaskRun
from sandbox.flyteadmin.runner.environment import Identity
from sandbox.flyteadmin.runner.results import Outcome
from sandbox.flyteadmin.store.tasks import WHOLE, Attempt, AttemptId, Phase


class Observer(Protocol):
    """Who tells clients how the attempts go."""

    def queued(self, attempt: AttemptId) -> None:
        """An attempt waits for its resources."""

    def running(self, attempt: AttemptId) -> None:
        """An attempt has its process."""

    def ended(self, attempt: AttemptId, phase: int, outcome: Outcome, /) -> None:
        """An attempt is over; this is part of the transaction that stores it."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the attempts belong: a node, an element of its map or the whole, and the inputs they share."""

    node_id: str
    subtask: int = WHOLE
    inputs: LiteralMap
    input_uri: str

    def name(self, attempt: int) -> str:
        """Return what an attempt's files and logs are called."""
        return str(attempt) if self.subtask == WHOLE else f"{self.subtask}-{attempt}"


async def run_attempts(run: Run, plan: TaskPlan, place: Place, observer: Observer) -> Outcome:
    """Return the outcome that counts; attempts from before a restart are taken up, not repeated."""
    stored = [a for a in run.store.attempts.of_node(run.key, place.node_id) if a.id.subtask == place.subtask]
    before = [each for each in stored if each.finished]
    if before and before[-1].phase != Phase.RETRYABLE_FAILED:
        return _stored_outcome(before)
    while True:
        await asyncio.sleep(pause_seconds(before))
        attempt = run.store.attempts.create(AttemptId(run.key, place.node_id, place.subtask, len(before)))
        ended = await _one(run, plan, place, attempt, before, observer)
        if ended is not None:
            return ended
        stored = run.store.attempts.of_node(run.key, place.node_id)
        before = [each for each in stored if each.id.subtask == place.subtask and each.finished]


async def _one(
    run: Run, plan: TaskPlan, place: Place, attempt: Attempt, before: list[Attempt], observer: Observer
) -> Outcome | None:
    observer.queued(attempt.id)
    task = _task_run(run, plan, place, attempt, before)
    outcome = await run.platform.runner.run(task, attempt, lambda: observer.running(attempt.id))
    again = may_retry(before, outcome, plan.user_retries)
    phase = Phase.FAILED
    if outcome.error is None:
        phase = Phase.SUCCEEDED
    elif again:
        phase = Phase.RETRYABLE_FAILED
    with run.store.database.transaction():
        run.store.attempts.change(attempt.id, phase, **_columns(outcome))
        observer.ended(attempt.id, phase, outcome)
    await run.platform.runner.discard(attempt.id)
    if again:
        return None
    return outcome if outcome.error is None else _failed(before, outcome)


def _columns(outcome: Outcome) -> dict[str, object]:
    return {
        "outputs": None if outcome.outputs is None else outcome.outputs.SerializeToString(),
        "error": None if outcome.error is None else outcome.error.SerializeToString(),
        "recoverable": int(outcome.recoverable),
        "timed_out": int(outcome.timed_out),
        "deck_uri": outcome.deck_uri,
    }


def _failed(before: list[Attempt], outcome: Outcome) -> Outcome:
    error = final_error(before, outcome)
    return Outcome(error=error, deck_uri=outcome.deck_uri, timed_out=outcome.timed_out)


def _stored_outcome(attempts: list[Attempt]) -> Outcome:
    last = attempts[-1]
    outcome = Outcome(
        outputs=last.outputs,
        error=last.error,
        recoverable=last.recoverable,
        timed_out=last.timed_out,
        deck_uri=last.deck_uri,
    )
    return outcome if outcome.error is None else _failed(attempts[:-1], outcome)


def _task_run(run: Run, plan: TaskPlan, place: Place, attempt: Attempt, before: list[Attempt]) -> TaskRun:
    number = attempt.id.attempt
    spec = run.row.spec
    return TaskRun(
        id=attempt.id,
        who=Identity(
            execution=run.row.id,
            workflow=run.row.closure.workflow_id,
            launch_plan=spec.launch_plan,
            node_id=place.node_id,
            task=plan.template.id,
            attempt=number,
        ),
        template=plan.template,
        request=plan.request,
        inputs=place.inputs,
        paths=_paths(run, place, number),
        overrides={each.key: each.value for each in spec.envs.values},
        timeout_seconds=plan.timeout_seconds,
        timeout_from=before[0].started_at if before else 0,
        log=run.log_file(place.node_id, place.name(number)),
    )


def output_prefix(run: Run, place: Place, attempt: int) -> str:
    """Return where an attempt writes outputs.pb, error.pb and its Deck."""
    element = "" if place.subtask == WHOLE else f"/{place.subtask}"
    return f"{run.metadata_uri(place.node_id)}{element}/{attempt}"


def _paths(run: Run, place: Place, attempt: int) -> Paths:
    def raw(number: int) -> str:
        return run.raw_output_uri(f"{place.node_id}-{place.name(number)}")

    return Paths(
        input=place.input_uri,
        input_prefix=run.metadata_uri(place.node_id),
        output_prefix=output_prefix(run, place, attempt),
        raw_output_prefix=raw(attempt),
        checkpoint=f"{raw(attempt)}/_flytecheckpoints",
        previous_checkpoint=f"{raw(attempt - 1)}/_flytecheckpoints" if attempt else "",
        unique_key=f"{run.row.id.name}_{place.node_id}_{place.name(attempt)}".replace("-", "_"),
    )
