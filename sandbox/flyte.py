"""A small client of the sandbox's FlyteAdmin, without flytekit's import time."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import grpc
import httpx
from flyteidl.admin import common_pb2, execution_pb2, version_pb2
from flyteidl.core import execution_pb2 as core_execution
from flyteidl.core import identifier_pb2
from flyteidl.service import admin_pb2_grpc

from components import naming
from sandbox.state import HOST, State


@dataclass(frozen=True)
class Execution:
    """One Flyte execution as a summary shows it."""

    name: str
    launch_plan: str
    phase: str
    seconds: float
    url: str


def _stub(state: State) -> tuple[admin_pb2_grpc.AdminServiceStub, list[tuple[str, str]]]:
    secret = state.credentials
    answer = httpx.post(
        f"{state.url('console')}/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(secret.flyte_client_id, secret.flyte_client_secret),
    ).raise_for_status()
    channel = grpc.insecure_channel(f"{HOST}:{state.ports['flyte']}")
    return admin_pb2_grpc.AdminServiceStub(channel), [("authorization", f"Bearer {answer.json()['access_token']}")]


def version(state: State) -> str:
    """Return the server's version; raises grpc.RpcError."""
    stub, metadata = _stub(state)
    found: Any = stub.GetVersion(version_pb2.GetVersionRequest(), metadata=metadata, timeout=10)
    return str(found.control_plane_version.Version)


def executions_since(state: State, since: datetime) -> list[Execution]:
    """Return the executions created at or after a time, oldest first."""
    stub, metadata = _stub(state)
    request = common_pb2.ResourceListRequest(
        id=common_pb2.NamedEntityIdentifier(project=naming.FLYTE_PROJECT, domain=naming.FLYTE_DOMAINS[0]),
        limit=100,
        filters=f"gte(created_at,{since.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ})",
        sort_by=common_pb2.Sort(key="created_at", direction=common_pb2.Sort.ASCENDING),
    )
    found = []
    while True:
        page = stub.ListExecutions(request, metadata=metadata, timeout=30)
        found += [_execution(state, row) for row in page.executions]
        if not page.token:
            return found
        request.token = page.token


def _execution(state: State, row: execution_pb2.Execution) -> Execution:
    path = f"/console/projects/{row.id.project}/domains/{row.id.domain}/executions/{row.id.name}"
    return Execution(
        name=row.id.name,
        launch_plan=row.spec.launch_plan.name,
        phase=phase(row),
        seconds=row.closure.duration.ToTimedelta().total_seconds(),
        url=f"{state.url('console')}{path}",
    )


def get_execution(state: State, name: str) -> execution_pb2.Execution:
    """Return one execution; raises grpc.RpcError."""
    stub, metadata = _stub(state)
    return stub.GetExecution(execution_pb2.WorkflowExecutionGetRequest(id=_id(name)), metadata=metadata, timeout=10)


def phase(execution: execution_pb2.Execution) -> str:
    """Return an execution's phase by its name."""
    return str(core_execution.WorkflowExecution.Phase.Name(execution.closure.phase))


def terminate(state: State, name: str, cause: str) -> None:
    """Abort one execution."""
    stub, metadata = _stub(state)
    request = execution_pb2.ExecutionTerminateRequest(id=_id(name), cause=cause)
    stub.TerminateExecution(request, metadata=metadata, timeout=10)


def _id(name: str) -> identifier_pb2.WorkflowExecutionIdentifier:
    return identifier_pb2.WorkflowExecutionIdentifier(
        project=naming.FLYTE_PROJECT, domain=naming.FLYTE_DOMAINS[0], name=name
    )
