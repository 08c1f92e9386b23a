"""What the hook says to Flyte, and what it says to people when something is wrong."""

import http.server
import json
import threading
import urllib.parse

import grpc
import pytest
from tandem_flyte.errors import (
    FlyteAuthenticationError,
    FlyteCallError,
    FlyteConfigurationError,
    FlyteUnavailableError,
)
from tandem_flyte.hooks.flyte import FlyteHook
from tandem_flyte.launching import ExecutionOptions

from tests.provider.conftest import SECRET, connection
from tests.provider.fake_admin import Phase

INTEGER, STRING, FLOAT = {"simple": "INTEGER"}, {"simple": "STRING"}, {"simple": "FLOAT"}


@pytest.fixture
def use(monkeypatch):
    """Set the connection `flyte_conn` to the given fields."""

    def set_connection(**changes):
        monkeypatch.setenv("AIRFLOW_CONN_FLYTE_CONN", json.dumps(connection(**changes)))

    return set_connection


def test_a_connection_that_is_not_there_is_named():
    with pytest.raises(FlyteConfigurationError, match="there is no connection 'nowhere': add one of type flyte"):
        FlyteHook("nowhere")


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({"host": None}, ["field `host` is empty"]),
        ({"extra": {"project": "", "domain": ""}}, ["`extra.project` is empty", "`extra.domain` is empty"]),
        ({"login": None}, ["field `login` is empty: give the client's id"]),
        ({"password": None, "host": ""}, ["field `password` is empty", "field `host` is empty"]),
        ({"extra": {"auth_mode": "Pkce"}}, ["`extra.auth_mode` is 'Pkce', which needs a browser"]),
        ({"extra": {"auth_mode": "magic"}}, ["'magic', which is not a way to sign in"]),
        ({"extra": {"auth_mode": "external_process"}}, ["field `extra.command` is empty"]),
    ],
)
def test_a_half_filled_connection_says_which_fields_all_at_once(use, changes, sentences):
    use(**changes)

    with pytest.raises(FlyteConfigurationError) as raised:
        FlyteHook("flyte_conn")

    assert all(sentence in str(raised.value) for sentence in sentences)
    assert "'flyte_conn'" in str(raised.value)
    assert SECRET not in str(raised.value)


def test_a_task_s_project_and_domain_come_before_the_connection_s(use):
    use()

    hook = FlyteHook("flyte_conn", project="other", domain="staging")

    assert (hook.connection.project, hook.connection.domain) == ("other", "staging")
    assert hook.console_url("x") == "http://console.test:1234/console/projects/other/domains/staging/executions/x"


def test_the_console_is_where_flyte_is_when_the_connection_names_none(use):
    use(host="flyte.example", port=443, extra={"console_endpoint": None, "insecure": False})

    assert FlyteHook("flyte_conn").console_url("x").startswith("https://flyte.example:443/console/projects/tandem/")


def test_no_secret_is_in_what_the_connection_shows_of_itself(use):
    use(extra={"s3_secret_access_key": SECRET})

    assert SECRET not in repr(FlyteHook("flyte_conn").connection)


def test_an_unknown_launch_plan_brings_the_nearest_names(admin, hook):
    for name in ("housing_train", "housing_predict", "flights_train"):
        admin.add_launch_plan(name, {})

    with pytest.raises(FlyteConfigurationError) as raised:
        hook.find(launchplan_name="housing_trian", task_name=None, version=None)

    assert "no launch plan 'housing_trian' in project 'tandem', domain 'development'" in str(raised.value)
    assert "did you mean 'housing_train'" in str(raised.value)


def test_an_unknown_version_brings_the_versions_there_are(admin, hook):
    admin.add_launch_plan("housing_train", {}, version="2026.11.1")

    with pytest.raises(FlyteConfigurationError, match=r"has no version '2026\.11\.2'.*did you mean '2026\.11\.1'"):
        hook.find(launchplan_name="housing_train", task_name=None, version="2026.11.2")


@pytest.mark.usefixtures("admin")
def test_an_absent_project_or_domain_is_told_from_an_absent_launch_plan():
    with pytest.raises(FlyteConfigurationError, match=r"has no project 'tandme': did you mean 'tandem'\?"):
        FlyteHook("flyte_conn", project="tandme").find(launchplan_name="x", task_name=None, version=None)
    with pytest.raises(FlyteConfigurationError, match=r"has no domain 'prod': did you mean 'production'\?"):
        FlyteHook("flyte_conn", domain="prod").find(launchplan_name="x", task_name=None, version=None)


def test_the_newest_version_is_taken_where_none_is_given(admin, hook):
    admin.add_launch_plan("p", {}, version="old")
    admin.add_launch_plan("p", {}, version="new")

    assert hook.find(launchplan_name="p", task_name=None, version=None).identifier.version == "new"
    assert hook.find(launchplan_name="p", task_name=None, version="old").identifier.version == "old"


def test_every_input_that_does_not_fit_is_told_at_once_with_what_was_expected(admin, hook):
    admin.add_launch_plan("p", {"rows": INTEGER, "name": STRING, "price": FLOAT}, required={"rows", "name"})
    entity = hook.find(launchplan_name="p", task_name=None, version=None)

    with pytest.raises(FlyteConfigurationError) as raised:
        hook.convert(entity, {"rows": "many", "nmae": "x"})

    assert str(raised.value).splitlines() == [
        "the inputs do not fit launch plan 'p' (version v1):",
        "  - name: missing; expected string",
        "  - rows: expected integer, given 'many' (str)",
        "  - nmae: not an input; did you mean 'name'?",
    ]
    assert admin.calls["CreateExecution"] == 0


def test_a_twin_is_not_started(admin, hook):
    admin.add_launch_plan("p", {})
    entity = hook.find(launchplan_name="p", task_name=None, version=None)
    literals = hook.convert(entity, {})

    assert hook.create("n", entity, literals, ExecutionOptions(), {}) is True
    assert hook.create("n", entity, literals, ExecutionOptions(), {}) is False


def test_options_reach_flyte_as_the_stock_operator_would_send_them(admin, hook):
    admin.add_launch_plan("p", {})
    options = ExecutionOptions(
        max_parallelism=3,
        raw_output_data_config="s3://out",
        kubernetes_service_account="robot",
        oauth2_client={"client_id": "c", "client_secret": {"key": "k", "group": "g"}},
        labels={"team": "ml"},
        annotations={"why": "test"},
        secrets=[{"group": "g", "key": "k"}],
        notifications=[{"phases": [4], "email": {"recipients_email": ["a@example.com"]}}],
    )
    entity = hook.find(launchplan_name="p", task_name=None, version=None)

    hook.create("n", entity, hook.convert(entity, {}), options, {"airflow/dag-id": "d"})

    spec = admin.executions["n"].spec
    assert spec.launch_plan.name == "p"
    assert spec.max_parallelism == 3
    assert spec.raw_output_data_config.output_location_prefix == "s3://out"
    assert spec.security_context.run_as.k8s_service_account == "robot"
    assert spec.security_context.run_as.oauth2_client.client_secret.key == "k"
    assert spec.security_context.secrets[0].group == "g"
    assert dict(spec.labels.values) == {"team": "ml"}
    assert dict(spec.annotations.values) == {"why": "test", "airflow/dag-id": "d"}
    assert list(spec.notifications.notifications[0].email.recipients_email) == ["a@example.com"]


@pytest.mark.parametrize("code", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL"])
def test_a_blip_is_retried(admin, hook, code):
    admin.add_execution("n")
    failures = iter([True, True])

    def blip(_method, context):
        if next(failures, False):
            context.abort(grpc.StatusCode[code], "a blip")

    admin.before = blip

    assert hook.status("n").phase == "RUNNING"
    assert admin.calls["GetExecution"] == 3


def test_a_restart_of_flyte_is_waited_for(server, admin, hook):
    admin.add_execution("n")
    assert hook.status("n").phase == "RUNNING"
    server.stop()
    threading.Timer(1.0, server.start).start()

    assert hook.status("n", patience=20).phase == "RUNNING"


def test_what_is_no_blip_is_told_at_once(admin, hook):
    with pytest.raises(FlyteCallError, match="GetExecution with NOT_FOUND: no execution n"):
        hook.status("n")

    assert admin.calls["GetExecution"] == 1


def test_an_unreachable_flyte_is_named(use):
    use()

    with pytest.raises(FlyteUnavailableError, match=r"Flyte at 127\.0\.0\.1:1 does not answer GetExecution"):
        FlyteHook("flyte_conn").status("n", patience=0)


class TokenEndpoint(http.server.BaseHTTPRequestHandler):
    tokens: list[str]
    requests: list[tuple[str, str]]

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.requests.append((self.headers["Authorization"], urllib.parse.unquote(body)))
        token = self.tokens.pop(0) if self.tokens else None
        self.send_response(200 if token else 401)
        self.end_headers()
        self.wfile.write(json.dumps({"access_token": token, "expires_in": 60}).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def endpoint(admin):
    """A token endpoint that hands out its tokens one after the other, then refuses."""
    handler = type("Handler", (TokenEndpoint,), {"tokens": [], "requests": []})
    httpd = http.server.HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    admin.token_endpoint = f"http://127.0.0.1:{httpd.server_port}/oauth2/token"
    yield handler
    httpd.shutdown()
    httpd.server_close()


def test_a_token_is_fetched_when_it_is_asked_for_and_again_when_it_is_stale(admin, hook, endpoint):
    admin.add_execution("n")
    endpoint.tokens += ["first", "second"]
    admin.token = "first"
    assert hook.status("n").phase == "RUNNING"
    admin.token = "second"
    assert hook.status("n").phase == "RUNNING"
    assert hook.status("n").phase == "RUNNING"

    assert len(endpoint.requests) == 2
    assert "grant_type=client_credentials" in endpoint.requests[0][1]
    assert "scope=all" in endpoint.requests[0][1]


@pytest.mark.usefixtures("endpoint")
def test_a_refused_client_is_named_and_its_secret_is_not(admin, hook):
    admin.token = "never"

    with pytest.raises(FlyteAuthenticationError) as raised:
        hook.status("n")

    assert "refused client 'airflow-client' of connection 'flyte_conn'" in str(raised.value)
    assert SECRET not in str(raised.value)


def test_a_token_that_flyte_itself_refuses_is_not_fetched_for_ever(admin, hook, endpoint):
    admin.token = "never"
    endpoint.tokens += ["wrong", "wrong again", "and again"]

    with pytest.raises(FlyteAuthenticationError, match="UNAUTHENTICATED"):
        hook.status("n")

    assert len(endpoint.requests) == 1


def test_a_flyte_without_auth_is_sent_no_token(admin, hook, endpoint):
    admin.add_execution("n")

    hook.status("n")

    assert endpoint.requests == []


def test_a_flyte_with_auth_and_a_connection_without_client_is_explained(admin, use, server):
    use(port=server.port, login=None, password=None, extra={"auth_mode": None})
    admin.token = "x"

    with pytest.raises(FlyteAuthenticationError, match="names none: fill its fields `login` and `password`"):
        FlyteHook("flyte_conn").status("n")


@pytest.mark.parametrize(
    ("phase", "reason"),
    [
        (Phase.FAILED, "USER:ValueError: no such column"),
        (Phase.ABORTED, "aborted by mira: wrong data"),
    ],
)
def test_a_status_carries_flyte_s_own_reason(admin, hook, phase, reason):
    admin.add_execution("n")
    if phase == Phase.FAILED:
        admin.fail("n", "USER:ValueError", "no such column")
    else:
        closure = admin.executions["n"].closure
        closure.phase = phase
        closure.abort_metadata.cause, closure.abort_metadata.principal = "wrong data", "mira"

    assert hook.status("n").reason == reason


def test_stopping_what_has_ended_is_no_error(admin, hook):
    admin.add_execution("n", Phase.SUCCEEDED)

    hook.terminate("n", "too late")

    assert hook.status("n").phase == "SUCCEEDED"


def test_the_connection_form_s_test_says_what_flyte_answered(hook):
    assert hook.test_connection() == (True, "Flyte knows 1 project(s)")
