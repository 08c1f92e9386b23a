"""What the services answer: registration, listings, inputs, uploads, authentication."""

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import httpx
import pytest
from flyteidl.admin import common_pb2, execution_pb2, launch_plan_pb2, task_pb2
from flyteidl.admin.project_pb2 import Project, ProjectListRequest, ProjectRegisterRequest
from flyteidl.admin.signal_pb2 import SignalListRequest
from flyteidl.core.identifier_pb2 import Identifier, ResourceType, WorkflowExecutionIdentifier
from flyteidl.core.literals_pb2 import Literal, LiteralMap, Primitive, Scalar
from flyteidl.service.admin_pb2_grpc import AdminServiceStub
from flyteidl.service.dataproxy_pb2 import CreateUploadLocationRequest
from flyteidl.service.dataproxy_pb2_grpc import DataProxyServiceStub
from flyteidl.service.identity_pb2 import UserInfoRequest
from flyteidl.service.identity_pb2_grpc import IdentityServiceStub
from flyteidl.service.signal_pb2_grpc import SignalServiceStub
from flytekit.exceptions.user import FlyteEntityNotExistException
from flytekit.models.execution import Execution
from flytekit.models.filters import Equal
from flytekit.remote import FlyteRemote

from tests.flyteadmin.conftest import (
    DOMAIN,
    PROJECT,
    SCENARIOS,
    VERSION,
    FlyteAdminProcess,
    execution_id,
    finish,
    pyflyte,
    remote_for,
    s3_client,
)

Finished = Callable[[str], Execution]


def token(admin: FlyteAdminProcess) -> str:
    """Return a token as a client gets it."""
    config = admin.config
    answer = httpx.post(
        f"{config.http_url}/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(config.client_id, config.client_secret),
    )
    assert answer.status_code == 200
    return str(answer.json()["access_token"])


class Raw:
    """The services without flytekit in between."""

    def __init__(self, admin: FlyteAdminProcess, header: str) -> None:
        self.channel = grpc.insecure_channel(f"127.0.0.1:{admin.config.grpc_port}")
        self.metadata = [("authorization", header)]
        self.admin = AdminServiceStub(self.channel)
        self.data = DataProxyServiceStub(self.channel)

    def refused(self, call: Any, request: Any) -> tuple[grpc.StatusCode, str]:
        """Return the status with which a call is refused."""
        with pytest.raises(grpc.RpcError) as caught:
            call(request, metadata=self.metadata)
        return caught.value.code(), caught.value.details()


@pytest.fixture(scope="module")
def raw(admin: FlyteAdminProcess, remote: FlyteRemote) -> Raw:  # noqa: ARG001
    """Return the services, called with a good token."""
    return Raw(admin, f"Bearer {token(admin)}")


def plan_id(name: str) -> Identifier:
    """Return the identifier of a launch plan."""
    return Identifier(
        resource_type=ResourceType.LAUNCH_PLAN, project=PROJECT, domain=DOMAIN, name=name, version=VERSION
    )


def integer(value: int) -> Literal:
    """Return an integer literal."""
    return Literal(scalar=Scalar(primitive=Primitive(integer=value)))


def text(value: str) -> Literal:
    """Return a string literal."""
    return Literal(scalar=Scalar(primitive=Primitive(string_value=value)))


def create(plan: str, name: str = "", **literals: Literal) -> execution_pb2.ExecutionCreateRequest:
    """Return a request for an execution."""
    spec = execution_pb2.ExecutionSpec(launch_plan=plan_id(plan))
    return execution_pb2.ExecutionCreateRequest(
        project=PROJECT, domain=DOMAIN, name=name, spec=spec, inputs=LiteralMap(literals=literals)
    )


@pytest.mark.parametrize("header", ["", "Bearer nonsense", "Basic YTpi"])
def test_calls_without_a_good_token_are_refused(admin: FlyteAdminProcess, header: str) -> None:
    """Every service but the one that says where tokens are asks for one."""
    raw = Raw(admin, header)
    for call, request in (
        (raw.admin.ListProjects, ProjectListRequest()),
        (raw.data.CreateUploadLocation, CreateUploadLocationRequest()),
        (IdentityServiceStub(raw.channel).UserInfo, UserInfoRequest()),
    ):
        code, _ = raw.refused(call, request)
        assert code == grpc.StatusCode.UNAUTHENTICATED


def test_wrong_secret(admin: FlyteAdminProcess) -> None:
    """The token endpoint and flytekit's client refuse a wrong secret."""
    url = f"{admin.config.http_url}/oauth2/token"
    refused = httpx.post(url, data={"grant_type": "client_credentials"}, auth=("airflow", "wrong"))
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    wrong = remote_for(admin.config.model_copy(update={"client_secret": "not the secret of this one"}))
    with pytest.raises(Exception, match="invalid_client"):
        wrong.client.list_projects_paginated()


def test_identity_and_health(admin: FlyteAdminProcess, raw: Raw) -> None:
    """A token speaks for the client; the health check needs none."""
    who = IdentityServiceStub(raw.channel).UserInfo(UserInfoRequest(), metadata=raw.metadata)
    assert who.subject == admin.config.client_id
    check = raw.channel.unary_unary("/grpc.health.v1.Health/Check")
    assert check(b"") == b"\x08\x01"
    assert httpx.get(f"{admin.config.http_url}/healthz").text == "ok"


def test_projects(remote: FlyteRemote, raw: Raw) -> None:
    """Projects are listed with their domains; a new one can be registered, and archived."""
    assert {each.id for each in remote.client.list_projects_paginated()[0]} == {"tandem"}
    assert [each.id for each in remote.get_domains()] == ["development", "staging", "production"]
    made = ProjectRegisterRequest(project=Project(id="second", name="Second"))
    raw.admin.RegisterProject(made, metadata=raw.metadata)
    assert raw.refused(raw.admin.RegisterProject, made)[0] == grpc.StatusCode.ALREADY_EXISTS
    raw.admin.UpdateProject(Project(id="second", state=Project.ARCHIVED), metadata=raw.metadata)
    listed = raw.admin.ListProjects(ProjectListRequest(), metadata=raw.metadata)
    assert [each.id for each in listed.projects] == ["tandem"]


def test_registration_is_idempotent(raw: Raw) -> None:
    """The same again is ALREADY_EXISTS, something else under the same version INVALID_ARGUMENT."""
    identifier = plan_id("example.basics.square")
    identifier.resource_type = ResourceType.TASK
    known = raw.admin.GetTask(common_pb2.ObjectGetRequest(id=identifier), metadata=raw.metadata)
    again = task_pb2.TaskCreateRequest(id=identifier)
    again.spec.template.CopyFrom(known.closure.compiled_task.template)
    code, said = raw.refused(raw.admin.CreateTask, again)
    assert (code, said) == (grpc.StatusCode.ALREADY_EXISTS, "task with identical structure already exists")
    again.spec.template.container.image = "another"
    code, said = raw.refused(raw.admin.CreateTask, again)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "example.basics.square task with different structure already exists" in said


def test_register_again_by_pyflyte(remote: FlyteRemote, pyflyte_env: dict[str, str]) -> None:  # noqa: ARG001
    """pyflyte takes a second registration of the same version well."""
    place = ("-p", PROJECT, "-d", DOMAIN, "--version", VERSION)
    pyflyte(pyflyte_env, "register", *place, "--image", "local/none:1", "example/basics.py")


@pytest.mark.parametrize(
    ("change", "feature"),
    [
        ({"metadata": {"is_eager": True}}, "eager workflows"),
        ({"k8s_pod": {"primary_container_name": "x"}}, "pod templates"),
        ({"sql": {"statement": "select 1"}, "type": "sql"}, "tasks of type [sql]"),
    ],
)
def test_unimplemented_tasks(raw: Raw, change: dict[str, Any], feature: str) -> None:
    """What can't run is refused when it is registered, by name."""
    request = task_pb2.TaskCreateRequest(
        id=Identifier(resource_type=1, project=PROJECT, domain=DOMAIN, name="x", version="1"),
        spec={"template": change},
    )
    code, said = raw.refused(raw.admin.CreateTask, request)
    assert code == grpc.StatusCode.UNIMPLEMENTED
    assert feature in said


def test_unimplemented_calls(raw: Raw) -> None:
    """Calls that are not there say which one it was."""
    request = execution_pb2.WorkflowExecutionGetMetricsRequest()
    code, said = raw.refused(raw.admin.GetExecutionMetrics, request)
    assert (code, said.split(":")[0]) == (grpc.StatusCode.UNIMPLEMENTED, "GetExecutionMetrics")
    code, said = raw.refused(SignalServiceStub(raw.channel).ListSignals, SignalListRequest())
    assert code == grpc.StatusCode.UNIMPLEMENTED
    assert "gate nodes" in said


@pytest.mark.parametrize(
    ("request_", "code", "said"),
    [
        (create("square_plan", m=integer(1)), "INVALID_ARGUMENT", "invalid input m"),
        (create("example.basics.nested"), "INVALID_ARGUMENT", "expected_inputs n missing"),
        (
            create("example.basics.nested", n=text("one")),
            "INVALID_ARGUMENT",
            "invalid n input wrong type. Expected simple:INTEGER, but got simple:STRING",
        ),
        (create("fixed_plan", n=integer(1)), "INVALID_ARGUMENT", "fixed_inputs n cannot be overridden"),
        (create("nothing_like_it"), "NOT_FOUND", "launch_plan [tandem:development:nothing_like_it:v1]"),
        (create("square_plan", name="Upper_Case"), "INVALID_ARGUMENT", "invalid name format"),
        (create("square_plan", name="a" * 64), "INVALID_ARGUMENT", "exceeded length 63"),
    ],
)
def test_executions_that_are_refused(raw: Raw, request_: Any, code: str, said: str) -> None:
    """Before anything starts, with the names of what is wrong."""
    found, details = raw.refused(raw.admin.CreateExecution, request_)
    assert found.name == code
    assert said in details


def test_workflows_are_not_executed_directly(raw: Raw) -> None:
    """As in Flyte, a workflow is run by its launch plan."""
    request = create("example.basics.squared", n=integer(1))
    request.spec.launch_plan.resource_type = ResourceType.WORKFLOW
    code, said = raw.refused(raw.admin.CreateExecution, request)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "only [LAUNCH_PLAN, TASK] allowed" in said


def test_twin_names(raw: Raw, finished: Finished) -> None:
    """A name is taken for good, also after its execution is over."""
    finished("fixed")
    code, said = raw.refused(raw.admin.CreateExecution, create("fixed_plan", "fixed"))
    assert code == grpc.StatusCode.ALREADY_EXISTS
    assert "execution [tandem:development:fixed] already exists" in said


def test_labels_and_annotations(raw: Raw) -> None:
    """They come back with the execution; archiving is recorded."""
    request = create("example.basics.sleep_for", "labelled", seconds=Literal(scalar={"primitive": {"float_value": 0}}))
    request.spec.labels.values["team"] = "ml"
    request.spec.annotations.values["dag"] = "housing"
    raw.admin.CreateExecution(request, metadata=raw.metadata)
    identifier = WorkflowExecutionIdentifier(project=PROJECT, domain=DOMAIN, name="labelled")
    found = raw.admin.GetExecution(execution_pb2.WorkflowExecutionGetRequest(id=identifier), metadata=raw.metadata)
    assert found.spec.labels.values["team"] == "ml"
    assert found.spec.annotations.values["dag"] == "housing"
    assert found.spec.metadata.principal == "airflow"


def test_launch_plan_activation(remote: FlyteRemote, pyflyte_env: dict[str, str]) -> None:
    """One version of a name is active at a time."""
    place = ("-p", PROJECT, "-d", DOMAIN, "--version", "v2")
    pyflyte(pyflyte_env, "register", *place, "--image", "local/none:1", "example/basics.py")
    name = common_pb2.NamedEntityIdentifier(project=PROJECT, domain=DOMAIN, name="square_plan")
    for version in (VERSION, "v2"):
        plan = remote.fetch_launch_plan(name="square_plan", version=version)
        remote.activate_launchplan(plan.id)
        assert remote.fetch_active_launchplan(name="square_plan").id.version == version
    active, _ = remote.client.list_active_launch_plans_paginated(PROJECT, DOMAIN, limit=100)
    assert [each.id.version for each in active if each.id.name == name.name] == ["v2"]
    remote.deactivate_launchplan(remote.fetch_launch_plan(name="square_plan", version="v2").id)
    assert remote.fetch_active_launchplan(name="square_plan") is None


def test_schedules_are_refused(raw: Raw) -> None:
    """A launch plan with a schedule registers, but can't be activated."""
    plan = raw.admin.GetLaunchPlan(common_pb2.ObjectGetRequest(id=plan_id("fixed_plan")), metadata=raw.metadata)
    plan.spec.entity_metadata.schedule.cron_schedule.schedule = "0 * * * *"
    identifier = plan_id("scheduled")
    raw.admin.CreateLaunchPlan(
        launch_plan_pb2.LaunchPlanCreateRequest(id=identifier, spec=plan.spec), metadata=raw.metadata
    )
    request = launch_plan_pb2.LaunchPlanUpdateRequest(id=identifier, state=launch_plan_pb2.ACTIVE)
    code, said = raw.refused(raw.admin.UpdateLaunchPlan, request)
    assert code == grpc.StatusCode.UNIMPLEMENTED
    assert "schedules" in said


def test_fetched_workflow(remote: FlyteRemote) -> None:
    """flytekit finds nodes, tasks, sub-workflows and interfaces in the compiled closure."""
    workflow = remote.fetch_workflow(name="example.basics.nested", version=VERSION)
    assert {each.id for each in workflow.flyte_nodes} == {"n0", "n1", "n2"}
    assert list(workflow.interface.inputs) == ["n"]
    (inner,) = workflow.flyte_sub_workflows
    assert inner.id.name == "example.basics.inner"
    assert remote.fetch_workflow(name="example.basics.squared").id.version  # the latest
    with pytest.raises(FlyteEntityNotExistException):
        remote.fetch_workflow(name="example.basics.squared", version="none")


def test_names(remote: FlyteRemote) -> None:
    """Ids of tasks, workflows and launch plans, in pages."""
    tasks, token = remote.client.list_task_ids_paginated(PROJECT, DOMAIN, limit=2)
    assert len(tasks) == 2
    more, _ = remote.client.list_task_ids_paginated(PROJECT, DOMAIN, limit=100, token=token)
    names = [each.name for each in [*tasks, *more]]
    assert names == sorted(set(names))
    assert "example.basics.square" in names


def listed(raw: Raw, filters: str, limit: int = 100, **more: Any) -> Any:
    """Return a page of executions."""
    request = common_pb2.ResourceListRequest(
        id=common_pb2.NamedEntityIdentifier(project=PROJECT, domain=DOMAIN), filters=filters, limit=limit, **more
    )
    return raw.admin.ListExecutions(request, metadata=raw.metadata)


FAILED = {"too-long", "absent", "exits", "never-fits", "attempts-in-vain", "strict"}


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ("eq(name,nested)", {"nested"}),
        ("eq(execution_name, nested)", {"nested"}),
        ("value_in(name,nested;mapped;no-such-name)", {"nested", "mapped"}),
        ("eq(phase,FAILED)+contains(name,in-vain)", {"attempts-in-vain"}),
        (f"value_in(name,{';'.join(SCENARIOS)})+ne(phase,SUCCEEDED)", FAILED),
        ("eq(launch_plan.name,fixed_plan)+eq(mode,0)", {"fixed"}),
        ("eq(workflow.name,example.running.mapped_wf)", {"mapped", "strict"}),
        ("eq(execution.error_code,TimeoutExpired)", {"too-long"}),
        ("gt(duration,1)+eq(name,too-long)", {"too-long"}),
        (f"lt(created_at,{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ})", set()),
        (f"gte(created_at,{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ})+eq(name,greet)", {"greet"}),
        ("eq(task.name,example.basics.square)", {"single-task"}),
    ],
)
def test_filters(raw: Raw, finished: Finished, filters: str, names: set[str]) -> None:
    """Flyte's filter language on executions."""
    for name in SCENARIOS:
        finished(name)
    finished("single-task")
    assert {each.id.name for each in listed(raw, filters).executions} == names


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ("eq(nothing,1)", "'execution.nothing' is invalid filter"),
        ("like(name,1)", "unrecognized filter function: like"),
        ("eq(name,a;b)", "invalid single value filter expression: eq"),
        ("name=1", "invalid value for filters"),
        ("gt(created_at,yesterday)", "must conform to RFC3339"),
    ],
)
def test_filters_that_are_refused(raw: Raw, filters: str, said: str) -> None:
    """With what is wrong about them."""
    request = common_pb2.ResourceListRequest(filters=filters, limit=1)
    code, details = raw.refused(raw.admin.ListExecutions, request)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert said in details


def test_sorting_and_paging(raw: Raw, finished: Finished) -> None:
    """Pages follow one another without a gap, newest first by default."""
    finished("nested")
    whole = [each.id.name for each in listed(raw, "").executions]
    paged, token = [], ""
    while True:
        page = listed(raw, "", limit=4, token=token)
        paged += [each.id.name for each in page.executions]
        token = page.token
        if not token:
            break
    assert paged == whole
    assert whole.index("mapped") < whole.index("two-tasks")
    upward = common_pb2.Sort(key="name", direction=common_pb2.Sort.ASCENDING)
    names = [each.id.name for each in listed(raw, "", sort_by=upward).executions]
    assert names == sorted(names)


def test_node_filters(remote: FlyteRemote, finished: Finished) -> None:
    """Node executions filter by phase, and list what is under one parent."""
    finished("nested")
    nodes, _ = remote.client.list_node_executions(execution_id("nested"), filters=[Equal("phase", "SUCCEEDED")])
    assert {each.id.node_id for each in nodes} == {"start-node", "n0", "n1", "n2", "end-node"}
    inside, _ = remote.client.list_node_executions(execution_id("nested"), unique_parent_id="n0")
    assert {each.id.node_id for each in inside} == {f"n0-0-{x}" for x in ("start-node", "n0", "n1", "end-node")}


def upload(raw: Raw, body: bytes, **fields: Any) -> Any:
    """Ask for a place to upload to."""
    request = CreateUploadLocationRequest(
        project=PROJECT, domain=DOMAIN, content_md5=hashlib.md5(body).digest(), **fields
    )
    return raw.data.CreateUploadLocation(request, metadata=raw.metadata)


def test_uploads(admin: FlyteAdminProcess, raw: Raw) -> None:
    """A signed URL takes the body it was made for; a chosen name is overwritten only by the same content."""
    body = b"some code"
    place = upload(raw, body, filename="code.tar.gz", filename_root="chosen")
    assert place.native_url == f"s3://{admin.config.bucket}/tandem/development/chosen/code.tar.gz"
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    assert place.headers["Content-MD5"] == md5
    httpx.put(place.signed_url, content=body, headers={"Content-MD5": md5}).raise_for_status()
    key = "tandem/development/chosen/code.tar.gz"
    stored = s3_client(admin.config.s3_endpoint).get_object(Bucket=admin.config.bucket, Key=key)
    assert stored["Body"].read() == body
    assert upload(raw, body, filename="code.tar.gz", filename_root="chosen").native_url == place.native_url
    with pytest.raises(grpc.RpcError) as caught:
        upload(raw, b"other", filename="code.tar.gz", filename_root="chosen")
    assert caught.value.code() == grpc.StatusCode.ALREADY_EXISTS
    by_hash = upload(raw, body, filename="code.tar.gz").native_url
    assert base64.b32encode(hashlib.md5(body).digest()).decode() in by_hash
    code, _ = raw.refused(raw.data.CreateUploadLocation, CreateUploadLocationRequest(project=PROJECT, domain=DOMAIN))
    assert code == grpc.StatusCode.INVALID_ARGUMENT


def test_logs_stay_inside(admin: FlyteAdminProcess) -> None:
    """The log page serves logs, and nothing else of the machine."""
    for path in ("../flyteadmin.db", "%2e%2e/flyteadmin.db", "/etc/passwd", "tandem"):
        assert httpx.get(f"{admin.config.http_url}/logs/{path}").status_code == 404


def test_many_names_are_found_at_once(raw: Raw, finished: Finished) -> None:
    """A hundred names in one filter, as the Airflow trigger polls."""
    finished("nested")
    names = ["nested", *(f"absent-{number}" for number in range(99))]
    page = listed(raw, f"value_in(name,{';'.join(names)})")
    assert [each.closure.phase for each in page.executions] == [4]


def test_pyflyte_execution(pyflyte_env: dict[str, str], remote: FlyteRemote, finished: Finished) -> None:
    """`pyflyte execution` recovers and relaunches."""
    finished("greet")
    common = ("execution", "-p", PROJECT, "-d", DOMAIN, "--execution-id", "greet")
    pyflyte(pyflyte_env, *common, "relaunch")
    newest = listed_names(remote)[0]
    assert finish(remote, newest).spec.launch_plan.name == "example.basics.greet"


def listed_names(remote: FlyteRemote) -> list[str]:
    """Return the names of the executions, newest first."""
    found, _ = remote.client.list_executions_paginated(PROJECT, DOMAIN, limit=10)
    return [each.id.name for each in found]


def test_pyflyte_run(remote: FlyteRemote, pyflyte_env: dict[str, str]) -> None:
    """`pyflyte run --remote` registers a script and runs it."""
    place = ("-p", PROJECT, "-d", DOMAIN, "--image", "local/none:1", "--name", "ran-by-pyflyte")
    pyflyte(pyflyte_env, "run", "--remote", *place, "example/basics.py", "squared", "--n", "3")
    done = finish(remote, "ran-by-pyflyte")
    assert done.closure.phase == 4, done.closure.error  # SUCCEEDED
    data = remote.client.get_execution_data(execution_id("ran-by-pyflyte"))
    assert data.full_outputs.literals["o0"].scalar.primitive.integer == 9
