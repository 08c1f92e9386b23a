"""What is sent to FlyteAdmin to start an execution, made from an operator's arguments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tandem_flyte.entities import Entity, nearest
from tandem_flyte.errors import FlyteConfigurationError
from tandem_flyte.literals import MismatchError, Upload, to_literal
from tandem_flyte.natives import describe_type

if TYPE_CHECKING:
    from flyteidl.admin.execution_pb2 import ExecutionSpec
    from flyteidl.core.literals_pb2 import LiteralMap
    from flyteidl.core.security_pb2 import SecurityContext

_SECRET_KEYS = frozenset({"group", "group_version", "key", "mount_requirement", "env_var"})
_CHANNELS = ("email", "slack", "pager_duty")
_LONGEST_SHOWN_VALUE = 80


@dataclass(frozen=True, kw_only=True)
class ExecutionOptions:
    """The arguments of the operator that Flyte is told beside the inputs, as airflow-provider-flyte names them."""

    max_parallelism: int | None = None
    raw_output_data_config: str | None = None
    kubernetes_service_account: str | None = None
    oauth2_client: dict[str, Any] | None = None
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    secrets: list[dict[str, Any]] | None = None
    notifications: list[dict[str, Any]] | None = None
    disable_notifications: bool | None = None

    def problems(self) -> list[str]:
        """Return what is wrong with the arguments that are dicts within lists, a sentence each."""
        found = [*_client_problems(self.oauth2_client)]
        for key, value in (("secrets", self.secrets), ("notifications", self.notifications)):
            if value is None:
                continue
            if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
                found.append(f"{key} must be a list of dicts, not {value!r}")
            else:
                check = _secret_problems if key == "secrets" else _notification_problems
                found.extend(problem for item in value for problem in check(item))
        return found

    def spec(self, entity: Entity, provenance: dict[str, str]) -> "ExecutionSpec":
        """Return Flyte's ExecutionSpec; `provenance` joins the annotations."""
        from flyteidl.admin import common_pb2, execution_pb2

        spec = execution_pb2.ExecutionSpec(
            launch_plan=entity.identifier,
            metadata=execution_pb2.ExecutionMetadata(mode=execution_pb2.ExecutionMetadata.MANUAL),
            labels=common_pb2.Labels(values=_strings(self.labels)),
            annotations=common_pb2.Annotations(values=_strings({**provenance, **self.annotations})),
            max_parallelism=self.max_parallelism or 0,
        )
        if self.raw_output_data_config:
            spec.raw_output_data_config.output_location_prefix = self.raw_output_data_config
        if self.kubernetes_service_account or self.oauth2_client or self.secrets:
            spec.security_context.CopyFrom(self._security())
        if self.disable_notifications:
            spec.disable_all = True
        elif self.notifications:
            spec.notifications.CopyFrom(_notifications(self.notifications))
        return spec

    def _security(self) -> "SecurityContext":
        from flyteidl.core.security_pb2 import Identity, OAuth2Client, Secret, SecurityContext

        client = None
        if self.oauth2_client:
            client = OAuth2Client(
                client_id=self.oauth2_client["client_id"],
                client_secret=_secret(self.oauth2_client["client_secret"]),
            )
        return SecurityContext(
            run_as=Identity(k8s_service_account=self.kubernetes_service_account, oauth2_client=client),
            secrets=[Secret(**secret) for secret in self.secrets or ()],
        )


def convert_inputs(entity: Entity, inputs: Mapping[str, Any], upload: Upload) -> "LiteralMap":
    """Return the inputs as literals; raise FlyteConfigurationError with every input that does not fit."""
    from flyteidl.core.literals_pb2 import LiteralMap

    if not isinstance(inputs, Mapping):
        raise FlyteConfigurationError(f"inputs must be a dict, not {_shown(inputs)}")
    literals, problems = {}, []
    for name in sorted(entity.required - set(inputs)):
        problems.append(f"{name}: missing; expected {describe_type(entity.inputs[name])}")
    for name, value in inputs.items():
        if name not in entity.inputs:
            problems.append(f"{name}: {_extra(entity, name)}")
            continue
        try:
            literals[name] = to_literal(value, entity.inputs[name], upload)
        except MismatchError:
            problems.append(f"{name}: expected {describe_type(entity.inputs[name])}, given {_shown(value)}")
    if problems:
        raise FlyteConfigurationError("\n  - ".join([f"the inputs do not fit {entity.title}:", *problems]))
    return LiteralMap(literals=literals)


def _extra(entity: Entity, name: str) -> str:
    if name in entity.fixed:
        return "fixed by the launch plan, so it cannot be given"
    if not entity.inputs:
        return "not an input; there are none"
    return f"not an input; {nearest(name, list(entity.inputs))}"


def _shown(value: Any) -> str:
    text = repr(value)
    if len(text) > _LONGEST_SHOWN_VALUE:
        text = text[:_LONGEST_SHOWN_VALUE] + "…"
    return f"{text} ({type(value).__name__})"


def _client_problems(client: Any) -> list[str]:
    if client is None:
        return []
    if not isinstance(client, Mapping) or set(client) != {"client_id", "client_secret"}:
        return ["oauth2_client must be a dict of client_id and client_secret"]
    return []


def _secret_problems(secret: Mapping[str, Any]) -> list[str]:
    if unknown := sorted(set(secret) - _SECRET_KEYS):
        return [f"secrets: unknown keys {unknown}; known are {sorted(_SECRET_KEYS)}"]
    return []


def _notification_problems(notification: Mapping[str, Any]) -> list[str]:
    problems = []
    if "phases" not in notification:
        problems.append("notifications: a notification names no phases")
    if unknown := sorted(set(notification) - {"phases", *_CHANNELS}):
        problems.append(f"notifications: unknown keys {unknown}; known are phases, {', '.join(_CHANNELS)}")
    for channel in _CHANNELS:
        given = notification.get(channel, {"recipients_email": []})
        if not isinstance(given, Mapping) or "recipients_email" not in given:
            problems.append(f"notifications: {channel} must be a dict with recipients_email")
    return problems


def _strings(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in values.items()}


def _secret(value: Any) -> Any:
    """Return Flyte's reference to a secret: given as a dict, as flytekit's Secret, or by its key alone."""
    from flyteidl.core.security_pb2 import Secret

    if isinstance(value, str):
        return Secret(key=value)
    return Secret(**value) if isinstance(value, Mapping) else value.to_flyte_idl()


def _notifications(notifications: list[dict[str, Any]]) -> Any:
    from flyteidl.admin import common_pb2, execution_pb2

    makers = {
        "email": common_pb2.EmailNotification,
        "slack": common_pb2.SlackNotification,
        "pager_duty": common_pb2.PagerDutyNotification,
    }
    made = []
    for notification in notifications:
        channels = {
            channel: maker(recipients_email=notification[channel]["recipients_email"])
            for channel, maker in makers.items()
            if channel in notification
        }
        made.append(common_pb2.Notification(phases=notification["phases"], **channels))
    return execution_pb2.NotificationList(notifications=made)
