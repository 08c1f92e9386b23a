"""The execution that belongs to a task instance: attached to, started, stopped."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowException

from tandem_flyte.errors import FlyteCallError
from tandem_flyte.hooks.flyte import FlyteHook
from tandem_flyte.identity import CLEARED, ENDED_BY, Identity
from tandem_flyte.launching import ExecutionOptions
from tandem_flyte.naming import parse
from tandem_flyte.status import SUCCEEDED, Status

log = logging.getLogger(__name__)

# Airflow kills a worker that it has told to stop after five seconds.
_SIGNAL_PATIENCE_SECONDS = 4.0
_RETRY_SECONDS = 0.2


class FlyteRun:
    """One try's execution in Flyte."""

    def __init__(self, hook: FlyteHook, identity: Identity) -> None:
        self.hook = hook
        self.identity = identity
        self.name = str(identity.name)
        self._is_submitted = False
        self._is_killed = False
        self._is_stopped = False

    @property
    def url(self) -> str:
        """The execution's page in Flyte's console."""
        return self.hook.console_url(self.name)

    def start(
        self,
        *,
        launchplan_name: str | None,
        task_name: str | None,
        version: str | None,
        inputs: Mapping[str, Any],
        options: ExecutionOptions,
        recover: bool,
        claim: Callable[[str], None] = lambda _name: None,
    ) -> None:
        """Attach to the execution that an earlier try left, else start one; `name` says which.

        `claim` is told the name just before, and raises if Airflow has replaced this try meanwhile.
        """
        earlier = self._earlier()
        if attached := self._attachable(earlier):
            self.attach(attached)
            log.info("Attached to Flyte execution %s of an earlier try: %s", self.name, self.url)
            return
        failed = self._recoverable(earlier) if recover else None
        if failed:
            is_new = self._submit(claim, lambda: self.hook.recover(self.name, failed))
            log.info("Flyte execution %s goes on from the failed %s: %s", self.name, failed, self.url)
        else:
            entity = self.hook.find(launchplan_name=launchplan_name, task_name=task_name, version=version)
            literals = self.hook.convert(entity, inputs)
            note = self.identity.annotations
            is_new = self._submit(claim, lambda: self.hook.create(self.name, entity, literals, options, note))
            log.info("Flyte execution %s of %s: %s", self.name, entity.title, self.url)
        if not is_new:
            log.info("It was there already: this try had started it before its worker was lost")
        # A worker that Airflow had given up may have gone on, and started one after the look above.
        for name, status in self._earlier().items():
            if status.is_live:
                self.hook.terminate(name, f"Airflow: a later try runs {self.name} ({self.identity})")

    def attach(self, name: str) -> None:
        """Take an execution for this run's."""
        self.name, self._is_submitted, self._is_stopped = name, True, False

    def stop(self, why: str, *, patience: float = 60.0) -> None:
        """End the execution in Flyte, with who and why as the cause; once only, and only if there is one."""
        if self._is_stopped or not self._is_submitted:
            return
        cause = f"Airflow: {why} ({self.identity})"
        log.info("Stopping Flyte execution %s. %s", self.name, cause)
        try:
            self.hook.terminate(self.name, cause, patience=patience)
        except FlyteCallError as error:
            if error.code != "NOT_FOUND":
                raise
        self._is_stopped = True

    def stop_from_signal(self, why: str) -> None:
        """End the execution from a signal handler, within the seconds that a worker is left.

        From a thread with a channel of its own: the handler runs in the middle of whatever the main
        thread was doing, which may be a call with its locks held.
        """
        self._is_killed = True
        if self._is_stopped or not self._is_submitted:
            return
        cause = f"Airflow: {why} ({self.identity})"
        twin = self.hook.twin()
        thread = threading.Thread(target=_terminate_soon, args=(twin, self.name, cause), daemon=True)
        thread.start()
        thread.join(_SIGNAL_PATIENCE_SECONDS)

    def refuse_if_ended(self) -> None:
        """Stop the execution again if the task was marked or cleared while it was being started.

        Airflow tells a worker so with its next heartbeat only; a task that defers before it never hears it.
        """
        try:
            state = self.identity.state()
        except Exception as error:
            log.debug("Could not read the task's state: %s", error)
            return
        if state in ENDED_BY:
            self.stop(ENDED_BY[state])
            raise AirflowException(f"{ENDED_BY[state]} while Flyte execution {self.name} was being started")

    def stop_live_ones(self, why: str) -> None:
        """End whatever execution of this task instance is live: this try's or one it had attached to."""
        for name, status in self.hook.family(self.identity.name.family_filter).items():
            if status.is_live:
                self.attach(name)
                self.stop(why)

    def _submit(self, claim: Callable[[str], None], send: Callable[[], bool]) -> bool:
        claim(self.name)
        self._refuse_if_killed()
        self._is_submitted = True
        is_new = send()
        self._refuse_if_killed()
        return is_new

    def _refuse_if_killed(self) -> None:
        if not self._is_killed:
            return
        if self._is_submitted:
            self.stop("the worker was told to stop", patience=_SIGNAL_PATIENCE_SECONDS)
        raise AirflowException("the worker was told to stop before Flyte execution was awaited")

    def _earlier(self) -> dict[str, Status]:
        """Return the executions of this task instance's earlier tries, the latest first."""
        mine = self.identity.name
        if mine.attempt <= 1:
            return {}
        found = {
            name: (parsed, status)
            for name, status in self.hook.family(mine.family_filter).items()
            if (parsed := parse(name)) and mine.is_predecessor(parsed)
        }
        latest_first = sorted(found, key=lambda name: found[name][0].attempt, reverse=True)
        return {name: found[name][1] for name in latest_first}

    def _attachable(self, earlier: dict[str, Status]) -> str | None:
        """Return the execution to take over; stop those that a clear has left behind.

        Clearing a task and the end of its execution race each other; a retry finds its predecessor alive
        only when nobody meant to stop it.
        """
        attachable = None
        for name, status in earlier.items():
            parsed = parse(name)
            is_retried = parsed is not None and parsed.generation == self.identity.max_tries
            if is_retried and attachable is None and (status.is_live or status.phase == SUCCEEDED):
                attachable = name
            elif status.is_live:
                self.hook.terminate(name, f"Airflow: {CLEARED} ({self.identity})")
        return attachable

    def _recoverable(self, earlier: dict[str, Status]) -> str | None:
        for name, status in earlier.items():
            if status.is_terminal and status.phase != SUCCEEDED:
                return None if CLEARED in (status.reason or "") else name
        return None


def _terminate_soon(hook: FlyteHook, name: str, cause: str) -> None:
    """End an execution whose creation may still be on its way to Flyte."""
    deadline = time.monotonic() + _SIGNAL_PATIENCE_SECONDS
    while (remaining := deadline - time.monotonic()) > 0:
        try:
            hook.terminate(name, cause, patience=remaining)
        except FlyteCallError as error:
            if error.code != "NOT_FOUND":
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return
