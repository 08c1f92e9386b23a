"""Waiting in a DAG for a Flyte execution that something else has started."""

import datetime as dt
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.definitions.xcom_arg import PlainXComArg
from airflow.sdk.exceptions import AirflowException, AirflowSensorTimeout

from tandem_flyte.links.flyte import EXECUTION_NAME_KEY, EXECUTION_URL_KEY, FlyteConsoleLink
from tandem_flyte.operators.flyte import FlyteOperator
from tandem_flyte.status import SUCCEEDED, Status
from tandem_flyte.triggers.flyte import FlyteTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from tandem_flyte.hooks.flyte import FlyteHook

_TRIGGER_GRACE = dt.timedelta(seconds=5)


class FlyteSensor(BaseSensorOperator):
    """Succeeds when the execution has SUCCEEDED; fails with its error when it ended otherwise.

    Takes every argument of airflow-provider-flyte's FlyteSensor. It never stops the execution, which is not
    its own: a FlyteOperator waits for and stops what it has launched, without any sensor.

    :param deferrable: Wait in the triggerer, holding no worker slot (the default), or in the worker.
    :param poll_interval: Seconds between two questions for the status, in the triggerer.
    """

    template_fields: Sequence[str] = ("execution_name", "project", "domain", "flyte_conn_id")
    operator_extra_links = (FlyteConsoleLink(),)
    ui_color = "#f3e8ff"

    def __init__(
        self,
        execution_name: Any,
        project: str | None = None,
        domain: str | None = None,
        flyte_conn_id: str = "flyte_default",
        *,
        deferrable: bool = True,
        poll_interval: float = 2.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.execution_name = _name_of(execution_name)
        self.project = project
        self.domain = domain
        self.flyte_conn_id = flyte_conn_id
        self.deferrable = deferrable
        self.poll_interval = poll_interval

    def execute(self, context: "Context") -> Any:
        """Look once, then wait in the triggerer, or in the worker as any sensor does."""
        if not self.deferrable:
            return super().execute(context)
        if not self.poke(context):
            self.defer(
                trigger=self._trigger(),
                method_name="execute_complete",
                timeout=dt.timedelta(seconds=self.timeout) + _TRIGGER_GRACE,
            )
        return None

    def poke(self, context: "Context") -> bool:
        """Say whether the execution has succeeded; raise with Flyte's error if it ended otherwise."""
        hook = self._hook()
        ti = context["ti"]
        ti.xcom_push(key=EXECUTION_NAME_KEY, value=self.execution_name)
        ti.xcom_push(key=EXECUTION_URL_KEY, value=hook.console_url(self.execution_name))
        status = hook.status(self.execution_name)
        self.log.info("Flyte execution %s is %s", status.name, status.phase)
        return status.is_terminal and self._conclude(hook, status)

    def execute_complete(self, context: "Context", event: dict[str, Any]) -> None:
        """End as the execution did."""
        del context
        if reason := event.get("timed_out"):
            raise AirflowSensorTimeout(f"Flyte execution {self.execution_name} goes on, but {reason}")
        if error := event.get("error"):
            raise AirflowException(f"waiting for Flyte execution {self.execution_name} failed: {error}")
        status = Status(name=event["execution"], phase=event["phase"], reason=event.get("reason"))
        self._conclude(self._hook(), status)

    def _hook(self) -> "FlyteHook":
        from tandem_flyte.hooks.flyte import FlyteHook

        return FlyteHook(self.flyte_conn_id, project=self.project, domain=self.domain)

    def _conclude(self, hook: "FlyteHook", status: Status) -> bool:
        from tandem_flyte.errors import FlyteExecutionError

        url = hook.console_url(status.name)
        if status.phase != SUCCEEDED:
            raise FlyteExecutionError(
                f"Flyte execution {status.name} {status.phase}: {status.reason or 'no reason given'}\n{url}"
            )
        self.log.info("Flyte execution %s SUCCEEDED: %s", status.name, url)
        return True

    def _trigger(self) -> FlyteTrigger:
        place = self._hook().connection
        return FlyteTrigger(
            flyte_conn_id=self.flyte_conn_id,
            project=place.project,
            domain=place.domain,
            execution_name=self.execution_name,
            poll_interval=self.poll_interval,
            deadline=time.time() + self.timeout,
            deadline_reason=f"the sensor's timeout of {dt.timedelta(seconds=self.timeout)} has passed",
        )


def _name_of(given: Any) -> Any:
    """Return the reference to an execution's name that `operator.output` stands for.

    The stock operator returns the name; this provider's returns the outputs. A DAG that hands
    `operator.output` to a sensor works with either.
    """
    if isinstance(given, PlainXComArg) and given.key == "return_value":
        kind = getattr(given.operator, "operator_class", type(given.operator))
        if isinstance(kind, type) and issubclass(kind, FlyteOperator):
            return PlainXComArg(given.operator, EXECUTION_NAME_KEY)
    return given
