"""Executions: created, watched, ended."""

from flyteidl.admin import execution_pb2
from flyteidl.admin.common_pb2 import NamedEntityIdentifier, ResourceListRequest
from flyteidl.admin.execution_pb2 import ExecutionCreateResponse, ExecutionMetadata
from flyteidl.core.identifier_pb2 import WorkflowExecutionIdentifier

from sandbox.flyteadmin.engine import Engine
from sandbox.flyteadmin.engine.launch import Launcher
from sandbox.flyteadmin.store import Store


class ExecutionService:
    """Part of AdminService."""

    def __init__(self, store: Store, launcher: Launcher, engine: Engine) -> None:
        self._store = store
        self._launcher = launcher
        self._engine = engine

    def _begun(self, made: tuple[int, WorkflowExecutionIdentifier]) -> ExecutionCreateResponse:
        key, identifier = made
        self._engine.begin(key)
        return ExecutionCreateResponse(id=identifier)

    def CreateExecution(self, request: execution_pb2.ExecutionCreateRequest, caller: str) -> ExecutionCreateResponse:
        metadata = ExecutionMetadata(mode=request.spec.metadata.mode, principal=caller)
        return self._begun(self._launcher.create(request, metadata))

    def RelaunchExecution(
        self, request: execution_pb2.ExecutionRelaunchRequest, caller: str
    ) -> ExecutionCreateResponse:
        source = self._store.executions.get(request.id)
        overwrite = request.overwrite_cache
        return self._begun(self._launcher.relaunch(source, request.name, caller, overwrite_cache=overwrite))

    def RecoverExecution(self, request: execution_pb2.ExecutionRecoverRequest, caller: str) -> ExecutionCreateResponse:
        source = self._store.executions.get(request.id)
        return self._begun(self._launcher.recover(source, request.name, caller))

    def GetExecution(self, request: execution_pb2.WorkflowExecutionGetRequest, _caller: str) -> execution_pb2.Execution:
        return self._store.executions.get(request.id).message

    def UpdateExecution(
        self, request: execution_pb2.ExecutionUpdateRequest, caller: str
    ) -> execution_pb2.ExecutionUpdateResponse:
        self._store.executions.set_state(request.id, request.state, caller)
        return execution_pb2.ExecutionUpdateResponse()

    def GetExecutionData(
        self, request: execution_pb2.WorkflowExecutionGetDataRequest, _caller: str
    ) -> execution_pb2.WorkflowExecutionGetDataResponse:
        row = self._store.executions.get(request.id)
        return execution_pb2.WorkflowExecutionGetDataResponse(full_inputs=row.inputs, full_outputs=row.outputs)

    def ListExecutions(self, request: ResourceListRequest, _caller: str) -> execution_pb2.ExecutionList:
        scope = NamedEntityIdentifier(project=request.id.project, domain=request.id.domain, name=request.id.name)
        found, token = self._store.executions.list_page(
            scope, request.filters, request.sort_by, request.limit, request.token
        )
        return execution_pb2.ExecutionList(executions=found, token=token)

    def TerminateExecution(
        self, request: execution_pb2.ExecutionTerminateRequest, caller: str
    ) -> execution_pb2.ExecutionTerminateResponse:
        self._engine.terminate(request.id, request.cause, caller)
        return execution_pb2.ExecutionTerminateResponse()
