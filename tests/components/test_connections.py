"""The connections contract: one function, read back by the classes that use it."""

import json
from pathlib import Path

import pytest

from components import connections
from components.connections import Flyte, ObjectStore, Smtp, Wiring


def wiring(**changes: object) -> Wiring:
    values: dict[str, object] = {
        "stack": "sandbox",
        "flyte": Flyte(
            host="127.0.0.1",
            port=8089,
            client_id="airflow",
            client_secret="s3cret/with@signs",
            console_endpoint="http://127.0.0.1:8088",
            insecure=True,
        ),
        "s3": ObjectStore(
            region="us-east-1", endpoint="http://127.0.0.1:9000", access_key_id="k", secret_access_key="s"
        ),
        "mlflow_url": "http://127.0.0.1:5500",
        "database_url": "duckdb:////tmp/flights.duckdb",
        "code_version": "abc",
    }
    return Wiring(**{**values, **changes})  # type: ignore[arg-type]


def test_the_stock_hook_reads_flyte_conn(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in connections.environment(wiring()).items():
        monkeypatch.setenv(name, value)
    from flyte_provider.hooks.flyte import FlyteHook

    platform = FlyteHook("flyte_conn").create_flyte_remote().config.platform
    assert platform.endpoint == "127.0.0.1:8089"
    assert (platform.client_id, platform.client_credentials_secret) == ("airflow", "s3cret/with@signs")
    assert platform.auth_mode == "client_credentials"
    assert platform.insecure is True


def test_airflow_reads_every_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk import Connection

    smtp = Smtp(host="mail", sender="tandem@example.org", login="l", password="p")
    configured = wiring(smtp=smtp, slack_token="xoxb-1")
    for name, value in connections.environment(configured).items():
        monkeypatch.setenv(name, value)
    for name, wanted in connections.connections(configured).items():
        read = Connection.get(name)
        assert read.conn_type == wanted["conn_type"], name
        assert read.password == wanted.get("password"), name
        assert read.extra_dejson == wanted.get("extra", {}), name
    variable = json.loads(connections.environment(configured)["AIRFLOW_VAR_TANDEM"])
    assert variable["notify"] == ["smtp_default", "slack_default"]
    assert variable["raw"] == "s3://tandem-sandbox-raw"


def test_workload_identity_leaves_no_keys() -> None:
    made = connections.environment(wiring(s3=ObjectStore(region="eu-central-1")))
    assert "AWS_ACCESS_KEY_ID" not in made
    assert json.loads(made["AIRFLOW_CONN_AWS_DEFAULT"]) == {
        "conn_type": "aws",
        "extra": {"region_name": "eu-central-1"},
    }
    assert "s3_secret_access_key" not in json.loads(made["AIRFLOW_CONN_FLYTE_CONN"])["extra"]


def test_secrets_are_not_in_a_representation() -> None:
    shown = repr(wiring(slack_token="xoxb-1", smtp=Smtp(host="m", sender="a@b", password="pw-1")))
    assert not [secret for secret in ("s3cret", "xoxb-1", "pw-1") if secret in shown]


def test_components_import_neither_sandbox_nor_rehearsal() -> None:
    for source in Path(connections.__file__).parent.rglob("*.py"):
        text = source.read_text()
        assert "import sandbox" not in text, source
        assert "from sandbox" not in text, source
