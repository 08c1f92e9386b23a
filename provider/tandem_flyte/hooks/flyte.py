"""Everything that is said to Flyte, by way of an Airflow connection."""

from collections.abc import Iterable, Mapping
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from tandem_flyte.client import AdminClient
from tandem_flyte.connection import FlyteConnection, read_connection
from tandem_flyte.entities import Entity, find_launch_plan, find_task
from tandem_flyte.errors import FlyteCallError, FlyteConfigurationError
from tandem_flyte.launching import ExecutionOptions, convert_inputs
from tandem_flyte.literals import MismatchError
from tandem_flyte.natives import to_python
from tandem_flyte.status import Status, read_status

if TYPE_CHECKING:
    from flyteidl.core.identifier_pb2 import WorkflowExecutionIdentifier
    from flyteidl.core.literals_pb2 import Literal, LiteralMap
    from flyteidl.core.types_pb2 import LiteralType
    from flytekit.remote.remote import FlyteRemote

# FlyteAdmin's own limit for a filter is higher; a hundred executions with long errors fit one message.
BATCH_SIZE = 100


class FlyteHook(BaseHook):
    """FlyteAdmin in one project and domain.

    Raises FlyteConfigurationError when the connection is absent or half-filled; calls nothing yet.
    """

    conn_name_attr = "flyte_conn_id"
    default_conn_name = "flyte_default"
    conn_type = "flyte"
    hook_name = "Flyte"

    def __init__(
        self, flyte_conn_id: str = "flyte_default", project: str | None = None, domain: str | None = None
    ) -> None:
        super().__init__()
        self.flyte_conn_id = flyte_conn_id
        try:
            given = self.get_connection(flyte_conn_id)
        except AirflowNotFoundException as error:
            raise FlyteConfigurationError(
                f"there is no connection {flyte_conn_id!r}: add one of type flyte, with FlyteAdmin's host "
                "and port, and project and domain in its extra"
            ) from error
        self.connection: FlyteConnection = read_connection(given, project=project, domain=domain)

    @cached_property
    def client(self) -> AdminClient:
        """The client that all of this hook's calls share."""
        return AdminClient(self.connection)

    def twin(self) -> "FlyteHook":
        """Return a hook with a channel of its own, for another thread, without asking Airflow again."""
        other = copy(self)
        other.__dict__.pop("client", None)
        return other

    def get_conn(self) -> AdminClient:
        """Return the client."""
        return self.client

    def test_connection(self) -> tuple[bool, str]:
        """Return whether Flyte answers, signed in, and what it said; for Airflow's connection form."""
        from flyteidl.admin.project_pb2 import ProjectListRequest

        try:
            answer = self.client.call("ListProjects", ProjectListRequest(limit=100), patience=5)
        except Exception as error:
            return False, str(error)
        return True, f"Flyte knows {len(answer.projects)} project(s)"

    def console_url(self, name: str) -> str:
        """Return the address of an execution's page in Flyte's console."""
        return self.connection.console_url(name)

    def find(self, *, launchplan_name: str | None, task_name: str | None, version: str | None) -> Entity:
        """Return the launch plan or task to run; raise FlyteConfigurationError with the nearest names."""
        if launchplan_name:
            return find_launch_plan(self.client, launchplan_name, version)
        return find_task(self.client, str(task_name), version)

    def convert(self, entity: Entity, inputs: Mapping[str, Any]) -> "LiteralMap":
        """Return the inputs as Flyte's literals; raise FlyteConfigurationError with all that do not fit."""
        return convert_inputs(entity, inputs, self._upload)

    def create(
        self,
        name: str,
        entity: Entity,
        inputs: "LiteralMap",
        options: ExecutionOptions,
        provenance: dict[str, str],
    ) -> bool:
        """Start an execution; return False where one of this name was there already."""
        from flyteidl.admin.execution_pb2 import ExecutionCreateRequest

        request = ExecutionCreateRequest(
            project=self.connection.project,
            domain=self.connection.domain,
            name=name,
            spec=options.spec(entity, provenance),
            inputs=inputs,
        )
        return self._make("CreateExecution", request)

    def recover(self, name: str, failed: str) -> bool:
        """Start an execution that goes on from a failed one's failed nodes; False where it was there already."""
        from flyteidl.admin.execution_pb2 import ExecutionRecoverRequest

        return self._make("RecoverExecution", ExecutionRecoverRequest(id=self._identify(failed), name=name))

    def status(self, name: str, *, patience: float = 60.0) -> Status:
        """Return how one execution stands."""
        from flyteidl.admin.execution_pb2 import WorkflowExecutionGetRequest

        request = WorkflowExecutionGetRequest(id=self._identify(name))
        return read_status(self.client.call("GetExecution", request, patience=patience))

    def statuses(self, names: Iterable[str]) -> dict[str, Status]:
        """Return how up to a hundred executions stand, by name, in one call and one attempt."""
        return self._list(f"value_in(name,{';'.join(names)})", patience=0)

    def family(self, family_filter: str) -> dict[str, Status]:
        """Return how every execution of one task instance stands, by name."""
        return self._list(family_filter, patience=60)

    def terminate(self, name: str, cause: str, *, patience: float = 60.0) -> None:
        """Stop an execution, saying why; one that has ended already stays as it is."""
        from flyteidl.admin.execution_pb2 import ExecutionTerminateRequest

        request = ExecutionTerminateRequest(id=self._identify(name), cause=cause)
        try:
            self.client.call("TerminateExecution", request, patience=patience)
        except FlyteCallError as error:
            if error.code not in {"FAILED_PRECONDITION", "INVALID_ARGUMENT"}:
                raise
            if self.status(name, patience=patience).is_live:
                raise

    def outputs(self, name: str, *, patience: float = 600.0) -> dict[str, Any]:
        """Return a succeeded execution's outputs as plain Python."""
        from flyteidl.admin.execution_pb2 import WorkflowExecutionGetDataRequest

        request = WorkflowExecutionGetDataRequest(id=self._identify(name))
        data = self.client.call("GetExecutionData", request, patience=patience)
        literals = data.full_outputs.literals
        if not literals and data.outputs.bytes:
            literals = self._download(data.outputs.url).literals
        return {key: to_python(value) for key, value in sorted(literals.items())}

    def _make(self, method: str, request: Any) -> bool:
        try:
            self.client.call(method, request)
        except FlyteCallError as error:
            if error.code != "ALREADY_EXISTS":
                raise
            return False
        return True

    def _list(self, filters: str, *, patience: float) -> dict[str, Status]:
        from flyteidl.admin.common_pb2 import NamedEntityIdentifier, ResourceListRequest

        request = ResourceListRequest(
            id=NamedEntityIdentifier(project=self.connection.project, domain=self.connection.domain),
            limit=BATCH_SIZE,
            filters=filters,
        )
        found = self.client.call("ListExecutions", request, patience=patience)
        return {execution.id.name: read_status(execution) for execution in found.executions}

    def _identify(self, name: str) -> "WorkflowExecutionIdentifier":
        from flyteidl.core.identifier_pb2 import WorkflowExecutionIdentifier

        return WorkflowExecutionIdentifier(project=self.connection.project, domain=self.connection.domain, name=name)

    def _upload(self, value: Any, literal_type: "LiteralType") -> "Literal":
        """Return the literal of a local file, a data frame and the like, uploaded the way flytekit does."""
        from flytekit.core.type_engine import TypeEngine
        from flytekit.models.types import LiteralType as FlytekitLiteralType

        wanted = FlytekitLiteralType.from_flyte_idl(literal_type)
        try:
            with self._remote().remote_context() as flyte_context:
                hint = TypeEngine.guess_python_type(wanted)
                return TypeEngine.to_literal(flyte_context, value, hint, wanted).to_flyte_idl()
        except (TypeError, ValueError, AssertionError, FileNotFoundError) as error:
            raise MismatchError(str(error)) from error

    def _download(self, url: str) -> "LiteralMap":
        """Return outputs that were too large to be sent with the execution."""
        from flyteidl.core.literals_pb2 import LiteralMap

        with self._remote().remote_context() as flyte_context:
            path = flyte_context.file_access.get_random_local_path()
            flyte_context.file_access.get_data(url, path)
        return LiteralMap.FromString(Path(path).read_bytes())

    def _remote(self) -> "FlyteRemote":
        from flytekit.configuration import AuthType, Config, DataConfig, PlatformConfig, S3Config
        from flytekit.remote.remote import FlyteRemote

        connection = self.connection
        storage = {key.removeprefix("s3_"): value for key, value in connection.storage.items()}
        is_command = connection.auth == "command"
        platform = PlatformConfig(
            endpoint=connection.endpoint,
            insecure=connection.is_insecure,
            insecure_skip_verify=connection.skips_verification,
            ca_cert_file_path=connection.ca_file,
            client_id=connection.client_id,
            client_credentials_secret=connection.client_secret,
            command=list(connection.command) or None,
            scopes=list(connection.scopes),
            auth_mode=AuthType.EXTERNALCOMMAND if is_command else AuthType.CLIENTSECRET,
        )
        known = set(S3Config.__dataclass_fields__)
        return FlyteRemote(
            Config(
                platform=platform,
                data_config=DataConfig(s3=S3Config(**{key: value for key, value in storage.items() if key in known})),
            ),
            default_project=connection.project,
            default_domain=connection.domain,
        )
