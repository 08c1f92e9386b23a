"""A FlyteAdmin small enough to count its calls and to make them fail on purpose."""

import re
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from flyteidl.admin import common_pb2, execution_pb2, launch_plan_pb2, project_pb2
from flyteidl.core import interface_pb2, literals_pb2, types_pb2
from flyteidl.core.execution_pb2 import WorkflowExecution
from flyteidl.service import admin_pb2_grpc, auth_pb2, auth_pb2_grpc
from google.protobuf.json_format import ParseDict

Phase = WorkflowExecution.Phase
TERMINAL = {Phase.SUCCEEDED, Phase.FAILED, Phase.ABORTED, Phase.TIMED_OUT}


class FakeAdmin(admin_pb2_grpc.AdminServiceServicer, auth_pb2_grpc.AuthMetadataServiceServicer):
    """Executions in a dict; `before` may abort a call, `token` makes signing in necessary."""

    def __init__(self) -> None:
        self.executions: dict[str, execution_pb2.Execution] = {}
        self.launch_plans: dict[str, list[launch_plan_pb2.LaunchPlan]] = {}
        self.calls: Counter[str] = Counter()
        self.before: Callable[[str, grpc.ServicerContext], None] = lambda *_: None
        self.token: str | None = None
        self.token_endpoint = ""
        self.lock = threading.Lock()
        self.outputs: dict[str, literals_pb2.LiteralMap] = {}

    def enter(self, method: str, context: grpc.ServicerContext) -> None:
        with self.lock:
            self.calls[method] += 1
        self.before(method, context)
        given = dict(context.invocation_metadata()).get("authorization")
        if self.token is not None and given != f"Bearer {self.token}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "token missing or stale")

    def add_launch_plan(
        self, name: str, inputs: dict[str, Any], *, version: str = "v1", required: set[str] | None = None
    ) -> None:
        parameters = {
            key: interface_pb2.Parameter(
                var=interface_pb2.Variable(type=ParseDict(kind, types_pb2.LiteralType())),
                required=required is None or key in required,
            )
            for key, kind in inputs.items()
        }
        plan = launch_plan_pb2.LaunchPlan()
        plan.id.project, plan.id.domain, plan.id.name, plan.id.version = "tandem", "development", name, version
        plan.closure.expected_inputs.CopyFrom(interface_pb2.ParameterMap(parameters=parameters))
        self.launch_plans.setdefault(name, []).insert(0, plan)

    def add_execution(self, name: str, phase: Any = Phase.RUNNING) -> None:
        execution = execution_pb2.Execution()
        execution.id.project, execution.id.domain, execution.id.name = "tandem", "development", name
        execution.closure.phase = phase
        self.executions[name] = execution

    def fail(self, name: str, code: str, message: str) -> None:
        self.executions[name].closure.phase = Phase.FAILED
        self.executions[name].closure.error.code = code
        self.executions[name].closure.error.message = message

    def ListProjects(self, _request: Any, context: grpc.ServicerContext) -> Any:
        self.enter("ListProjects", context)
        domains = [project_pb2.Domain(id=name) for name in ("development", "staging", "production")]
        return project_pb2.Projects(projects=[project_pb2.Project(id="tandem", domains=domains)])

    def ListLaunchPlans(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.enter("ListLaunchPlans", context)
        if request.id.project != "tandem":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no such project")
        plans = self.launch_plans.get(request.id.name, [])
        return launch_plan_pb2.LaunchPlanList(launch_plans=plans[: request.limit])

    def GetLaunchPlan(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.enter("GetLaunchPlan", context)
        plans = {plan.id.version: plan for plan in self.launch_plans.get(request.id.name, [])}
        if request.id.version not in plans:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such launch plan")
        return plans[request.id.version]

    def ListLaunchPlanIds(self, _request: Any, context: grpc.ServicerContext) -> Any:
        self.enter("ListLaunchPlanIds", context)
        names = [common_pb2.NamedEntityIdentifier(name=name) for name in self.launch_plans]
        return common_pb2.NamedEntityIdentifierList(entities=names)

    def CreateExecution(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.enter("CreateExecution", context)
        with self.lock:
            if request.name in self.executions:
                context.abort(grpc.StatusCode.ALREADY_EXISTS, "that name is taken")
            self.add_execution(request.name)
            self.executions[request.name].spec.CopyFrom(request.spec)
            self.executions[request.name].spec.inputs.CopyFrom(request.inputs)
        return execution_pb2.ExecutionCreateResponse(id=self.executions[request.name].id)

    def RecoverExecution(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.enter("RecoverExecution", context)
        self.add_execution(request.name)
        metadata = self.executions[request.name].spec.metadata
        metadata.mode = execution_pb2.ExecutionMetadata.RECOVERED
        metadata.reference_execution.CopyFrom(request.id)
        return execution_pb2.ExecutionCreateResponse(id=self.executions[request.name].id)

    def GetExecution(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.enter("GetExecution", context)
        return self._get(request, context)

    def GetExecutionData(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.enter("GetExecutionData", context)
        self._get(request, context)
        return execution_pb2.WorkflowExecutionGetDataResponse(full_outputs=self.outputs.get(request.id.name))

    def ListExecutions(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.enter("ListExecutions", context)
        operation, wanted = re.fullmatch(r"(\w+)\(name,(.*)\)", request.filters).groups()
        tests = {"value_in": lambda name: name in wanted.split(";"), "contains": lambda name: wanted in name}
        found = [execution for name, execution in self.executions.items() if tests[operation](name)]
        return execution_pb2.ExecutionList(executions=found[: request.limit])

    def TerminateExecution(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.enter("TerminateExecution", context)
        execution = self._get(request, context)
        if execution.closure.phase in TERMINAL:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "it has ended")
        execution.closure.phase = Phase.ABORTED
        execution.closure.abort_metadata.cause = request.cause
        execution.closure.abort_metadata.principal = "airflow"
        return execution_pb2.ExecutionTerminateResponse()

    def GetOAuth2Metadata(self, _request: Any, _context: grpc.ServicerContext) -> Any:
        return auth_pb2.OAuth2MetadataResponse(token_endpoint=self.token_endpoint)

    def GetPublicClientConfig(self, _request: Any, _context: grpc.ServicerContext) -> Any:
        return auth_pb2.PublicClientAuthConfigResponse(authorization_metadata_key="authorization", scopes=["all"])

    def cause_of(self, name: str) -> str:
        return str(self.executions[name].closure.abort_metadata.cause)

    def _get(self, request: Any, context: grpc.ServicerContext) -> execution_pb2.Execution:
        if request.id.name not in self.executions:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no execution {request.id.name}")
        return self.executions[request.id.name]


class AdminServer:
    """A FakeAdmin that listens, can be stopped and started again at the same port."""

    def __init__(self) -> None:
        self.admin = FakeAdmin()
        self._server: grpc.Server | None = None
        self.port = self.start(0)

    def start(self, port: int | None = None) -> int:
        self._server = grpc.server(ThreadPoolExecutor(max_workers=8))
        admin_pb2_grpc.add_AdminServiceServicer_to_server(self.admin, self._server)
        auth_pb2_grpc.add_AuthMetadataServiceServicer_to_server(self.admin, self._server)
        bound = self._server.add_insecure_port(f"127.0.0.1:{self.port if port is None else port}")
        self._server.start()
        return bound

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(grace=0).wait()
            self._server = None
