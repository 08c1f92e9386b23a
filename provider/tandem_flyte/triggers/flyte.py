"""Waiting for a Flyte execution without holding a worker slot."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from tandem_flyte.identity import CLEARED, ENDED_BY, task_state
from tandem_flyte.status import Status
from tandem_flyte.triggers.poller import Place, in_thread, shared_poller, warm_up

# Airflow gives on_kill half a minute ([triggerer] on_kill_timeout).
_ABORT_PATIENCE_SECONDS = 25.0
# Airflow 3.3's scheduler fails a task that is queued again before it has read that its worker left
# ("finished with state success, but the task instance's state attribute is queued"): it takes a loop or two.
_SETTLE_SECONDS = 3.0


class FlyteTrigger(BaseTrigger):
    """Fires when an execution reaches a phase that Flyte never leaves, or when `deadline` has passed.

    `deadline` is in seconds since the epoch, so that it stays the same when another triggerer takes over;
    at that time an execution that `owner` names a task for is stopped. Without an owner the execution
    belongs to somebody else and is never touched.
    """

    def __init__(
        self,
        *,
        flyte_conn_id: str,
        project: str,
        domain: str,
        execution_name: str,
        poll_interval: float,
        deadline: float | None = None,
        deadline_reason: str | None = None,
        owner: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flyte_conn_id = flyte_conn_id
        self.project = project
        self.domain = domain
        self.execution_name = execution_name
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.deadline_reason = deadline_reason
        self.owner = owner

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what another triggerer needs to go on waiting; nothing of it is secret."""
        keys = (
            "flyte_conn_id",
            "project",
            "domain",
            "execution_name",
            "poll_interval",
            "deadline",
            "deadline_reason",
            "owner",
        )
        return "tandem_flyte.triggers.flyte.FlyteTrigger", {key: getattr(self, key) for key in keys}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield one event: phase and reason, or the error that ended the wait."""
        warm_up(self._read_state)
        settled = time.monotonic() + _SETTLE_SECONDS
        remaining = None if self.deadline is None else max(self.deadline - time.time(), 0)
        try:
            async with asyncio.timeout(remaining):
                event = await self._outcome()
        except TimeoutError:
            event = await self._give_up()
        if self.owner is not None:
            await asyncio.sleep(max(settled - time.monotonic(), 0))
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def on_kill(self) -> None:
        """Stop the execution, unless Airflow only moved the wait to another triggerer."""
        if self.owner is None:
            return
        why = await self._why_killed()
        if why is None:
            self.log.info("The task is still deferred; leaving %s to run", self.execution_name)
            return
        await self._terminate(why)

    @property
    def _place(self) -> Place:
        return Place(self.flyte_conn_id, self.project, self.domain)

    async def _outcome(self) -> dict[str, Any]:
        async with shared_poller(self._place).watch(self.execution_name, self.poll_interval) as watch:
            while True:
                news = await watch.news.get()
                if isinstance(news, Exception):
                    return self._event(error=f"{type(news).__name__}: {news}")
                if isinstance(news, str):
                    self.log.warning("%s", news)
                    continue
                self.log.info("Flyte execution %s is %s", self.execution_name, news.phase)
                if news.is_terminal:
                    return self._event(status=news)

    async def _give_up(self) -> dict[str, Any]:
        reason = self.deadline_reason or "its time is over"
        if self.owner is None:
            return self._event(timed_out=reason)
        try:
            await self._terminate(reason)
        except Exception as error:
            self.log.warning("Could not stop %s yet: %s", self.execution_name, error)
            return self._event(timed_out=reason)
        return self._event(timed_out=reason, is_stopped=True)

    def _event(self, *, status: Status | None = None, **more: Any) -> dict[str, Any]:
        event: dict[str, Any] = {"execution": self.execution_name, **more}
        if status is not None:
            event |= {"phase": status.phase, "reason": status.reason}
        return event

    async def _terminate(self, why: str) -> None:
        cause = f"Airflow: {why} ({self.owner})"
        self.log.info("Stopping Flyte execution %s. %s", self.execution_name, cause)
        await shared_poller(self._place).call("terminate", self.execution_name, cause, patience=_ABORT_PATIENCE_SECONDS)

    async def _why_killed(self) -> str | None:
        """Return what was done to the task; None where it is deferred as before.

        Airflow calls on_kill too when a triggerer that was slow to report finds its triggers given to
        another one; the task instance's state tells that apart.
        """
        try:
            state = await in_thread(self._read_state)
        except Exception as error:
            self.log.warning("Could not read the task's state: %s", error)
            return "the task was marked or cleared"
        if state == "deferred":
            return None
        return ENDED_BY.get(str(state), CLEARED)

    def _read_state(self) -> str | None:
        instance = self.task_instance
        if instance is None:
            return None
        return task_state(
            dag_id=instance.dag_id,
            task_id=instance.task_id,
            run_id=instance.run_id,
            map_index=instance.map_index,
        )
