"""Launching a Flyte launch plan or task from a DAG, to its very end."""

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.sdk import Asset, BaseOperator
from airflow.sdk.bases.operator import TRIGGER_FAIL_REPR, TriggerFailureReason
from airflow.sdk.exceptions import AirflowException, AirflowRuntimeError, AirflowTaskTimeout, TaskDeferralTimeout

from tandem_flyte.links.flyte import EXECUTION_NAME_KEY, EXECUTION_URL_KEY, FlyteConsoleLink
from tandem_flyte.status import SUCCEEDED, Status
from tandem_flyte.triggers.flyte import FlyteTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from tandem_flyte.hooks.flyte import FlyteHook
    from tandem_flyte.launching import ExecutionOptions
    from tandem_flyte.runs import FlyteRun

_WEEK_SECONDS = 7 * 24 * 3600.0
# The trigger stops an execution at its deadline; Airflow's own clock steps in only where no triggerer runs.
_TRIGGER_GRACE = dt.timedelta(seconds=5)


class FlyteOperator(BaseOperator):
    """Runs a launch plan or task in Flyte, and ends as it ends: with its outputs, or with its error.

    Takes every argument of airflow-provider-flyte's FlyteOperator. Beside them:

    :param deferrable: Wait in the triggerer, holding no worker slot (the default), or in the worker.
    :param poll_interval: Seconds between two questions for the status.
    :param recover: Let a try after a failed one go on from the failed nodes of its execution, with the
        inputs that it had, rather than run all of it again.
    :param wait_timeout: The longest to wait for the end; `execution_timeout` bounds the whole try.
    """

    template_fields: Sequence[str] = (
        "flyte_conn_id",
        "project",
        "domain",
        "launchplan_name",
        "task_name",
        "version",
        "inputs",
        "labels",
        "annotations",
        "raw_output_data_config",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"inputs": "json", "labels": "json", "annotations": "json"}
    operator_extra_links = (FlyteConsoleLink(),)
    ui_color = "#f3e8ff"

    def __init__(
        self,
        flyte_conn_id: str,
        project: str | None = None,
        domain: str | None = None,
        launchplan_name: str | None = None,
        task_name: str | None = None,
        max_parallelism: int | None = None,
        raw_output_data_config: str | None = None,
        kubernetes_service_account: str | None = None,
        oauth2_client: dict[str, Any] | None = None,
        labels: dict[str, str] | None = None,
        annotations: dict[str, str] | None = None,
        secrets: list[dict[str, Any]] | None = None,
        notifications: list[dict[str, Any]] | None = None,
        disable_notifications: bool | None = None,
        version: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        *,
        deferrable: bool = True,
        poll_interval: float = 2.0,
        recover: bool = False,
        wait_timeout: dt.timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.flyte_conn_id = flyte_conn_id
        self.project = project
        self.domain = domain
        self.launchplan_name = launchplan_name
        self.task_name = task_name
        self.max_parallelism = max_parallelism
        self.raw_output_data_config = raw_output_data_config
        self.kubernetes_service_account = kubernetes_service_account
        self.oauth2_client = oauth2_client
        self.labels = labels or {}
        self.annotations = annotations or {}
        self.secrets = secrets
        self.notifications = notifications
        self.disable_notifications = disable_notifications
        self.version = version
        self.inputs = inputs or {}
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.recover = recover
        self.wait_timeout = wait_timeout
        self._run: FlyteRun | None = None
        if bool(task_name) == bool(launchplan_name):
            raise AirflowException("Either task_name or launchplan_name is required, and not both.")
        if problems := self._options().problems():
            raise AirflowException("; ".join(problems))

    def execute(self, context: "Context") -> Any:
        """Start the execution, or attach to the one that an earlier try left, and wait for its end."""
        run = self._open_run(context)
        try:
            run.start(
                launchplan_name=self.launchplan_name,
                task_name=self.task_name,
                version=self.version,
                inputs=self.inputs,
                options=self._options(),
                recover=self.recover,
                claim=lambda name: _claim(context, name),
            )
            _publish(context, run)
            run.refuse_if_ended()
            if self.deferrable:
                self._defer(context, run)
            status = self._wait(context, run)
        except AirflowTaskTimeout:
            run.stop(f"execution_timeout of {self.execution_timeout} has passed")
            raise
        except Exception:
            self._stop_unless_retried(run, "the task failed before the execution's end")
            raise
        return self._finish(context, run.hook, status)

    def execute_complete(self, context: "Context", event: dict[str, Any]) -> Any:
        """Go on where the trigger has left off."""
        run = self._open_run(context)
        run.attach(event["execution"])
        if reason := event.get("timed_out"):
            if not event.get("is_stopped"):
                run.stop(reason)
            raise _timeout(reason, run.url)
        if error := event.get("error"):
            self._stop_unless_retried(run, "the wait for it failed")
            raise AirflowException(f"waiting for Flyte execution {run.name} failed: {error}; see {run.url}")
        status = Status(name=run.name, phase=event["phase"], reason=event.get("reason"))
        return self._finish(context, run.hook, status)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: "Context") -> Any:
        """Resume, first ending in Flyte what Airflow has given up waiting for.

        Airflow's own trigger time-out and a trigger that broke end a task here without any event.
        """
        if next_method == TRIGGER_FAIL_REPR:
            run = self._open_run(context)
            if (next_kwargs or {}).get("error") == TriggerFailureReason.TRIGGER_TIMEOUT:
                run.stop_live_ones("the time to wait for it has passed (trigger timeout)")
            elif not run.identity.has_retry_left:
                run.stop_live_ones("its trigger failed")
        return super().resume_execution(next_method, next_kwargs, context)

    def on_kill(self) -> None:
        """End the execution when the worker is told to stop; a deferred task's is ended by its trigger."""
        if self._run is not None:
            self._run.stop_from_signal("the worker was told to stop: the task was marked or cleared")

    def _open_run(self, context: "Context") -> "FlyteRun":
        from tandem_flyte.hooks.flyte import FlyteHook
        from tandem_flyte.identity import Identity
        from tandem_flyte.runs import FlyteRun

        hook = FlyteHook(self.flyte_conn_id, project=self.project, domain=self.domain)
        self._run = FlyteRun(hook, Identity.from_context(context))
        return self._run

    def _options(self) -> "ExecutionOptions":
        from tandem_flyte.launching import ExecutionOptions

        return ExecutionOptions(
            max_parallelism=self.max_parallelism,
            raw_output_data_config=self.raw_output_data_config,
            kubernetes_service_account=self.kubernetes_service_account,
            oauth2_client=self.oauth2_client,
            labels=self.labels,
            annotations=self.annotations,
            secrets=self.secrets,
            notifications=self.notifications,
            disable_notifications=self.disable_notifications,
        )

    def _deadline(self, context: "Context") -> tuple[float | None, str | None]:
        """Return when to give up, in seconds since the epoch, and why; the earlier of the two limits.

        Airflow does not count the time in the triggerer against execution_timeout.
        """
        limits = []
        if self.execution_timeout is not None:
            started = context["ti"].start_date.timestamp()
            end = started + self.execution_timeout.total_seconds()
            limits.append((end, f"execution_timeout of {self.execution_timeout} has passed"))
        if self.wait_timeout is not None:
            end = time.time() + self.wait_timeout.total_seconds()
            limits.append((end, f"wait_timeout of {self.wait_timeout} has passed"))
        return min(limits, default=(None, None))

    def _defer(self, context: "Context", run: "FlyteRun") -> NoReturn:
        deadline, reason = self._deadline(context)
        place = run.hook.connection
        timeout = None
        if deadline is not None:
            timeout = dt.timedelta(seconds=max(deadline - time.time(), 0)) + _TRIGGER_GRACE
        self.defer(
            trigger=FlyteTrigger(
                flyte_conn_id=self.flyte_conn_id,
                project=place.project,
                domain=place.domain,
                execution_name=run.name,
                poll_interval=self.poll_interval,
                deadline=deadline,
                deadline_reason=reason,
                owner=str(run.identity),
            ),
            method_name="execute_complete",
            timeout=timeout,
        )

    def _wait(self, context: "Context", run: "FlyteRun") -> Status:
        deadline, reason = self._deadline(context)
        phase = None
        while True:
            patience = _WEEK_SECONDS if deadline is None else max(deadline - time.time(), 1)
            status = run.hook.status(run.name, patience=patience)
            if status.phase != phase:
                phase = status.phase
                self.log.info("Flyte execution %s is %s", run.name, phase)
            if status.is_terminal:
                return status
            if deadline is not None and time.time() > deadline:
                run.stop(str(reason))
                raise _timeout(str(reason), run.url)
            time.sleep(self.poll_interval)

    def _finish(self, context: "Context", hook: "FlyteHook", status: Status) -> dict[str, Any]:
        """Return the outputs of an execution that succeeded, and tell the outlets of them; else raise."""
        from tandem_flyte.errors import FlyteExecutionError
        from tandem_flyte.natives import to_json

        url = hook.console_url(status.name)
        if status.phase != SUCCEEDED:
            raise FlyteExecutionError(
                f"Flyte execution {status.name} {status.phase}: {status.reason or 'no reason given'}\n{url}"
            )
        outputs = hook.outputs(status.name)
        self.log.info("Flyte execution %s SUCCEEDED with outputs %s: %s", status.name, sorted(outputs), url)
        place = hook.connection
        for outlet in self.outlets:
            if isinstance(outlet, Asset):
                context["outlet_events"][outlet].extra.update(
                    execution_url=url,
                    execution_id=f"{place.project}:{place.domain}:{status.name}",
                    outputs=to_json(outputs),
                )
        return outputs

    def _stop_unless_retried(self, run: "FlyteRun", why: str) -> None:
        if run.identity.has_retry_left:
            return
        try:
            run.stop(why)
        except AirflowException as error:
            self.log.error("Could not stop Flyte execution %s: %s", run.name, error)


def _claim(context: "Context", name: str) -> None:
    """Write down which execution this try is about to start; only the try that Airflow knows of may.

    A worker whose task instance was reset or cleared learns of it with a later heartbeat only.
    """
    store = context.get("task_state_store")
    if store is None:
        return
    try:
        store.set(EXECUTION_NAME_KEY, name)
    except AirflowRuntimeError as error:
        if "not_found" in str(error):
            raise AirflowException("Airflow has replaced this try by another: starting nothing in Flyte") from error


def _publish(context: "Context", run: "FlyteRun") -> None:
    """Put where the execution is into XCom, before its end is known: the console link reads it."""
    context["ti"].xcom_push(key=EXECUTION_NAME_KEY, value=run.name)
    context["ti"].xcom_push(key=EXECUTION_URL_KEY, value=run.url)


def _timeout(reason: str, url: str) -> BaseException:
    kind = AirflowTaskTimeout if reason.startswith("execution_timeout") else TaskDeferralTimeout
    return kind(f"{reason}; {url}")
