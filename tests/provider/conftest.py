"""An Airflow home of its own for these tests, and a small FlyteAdmin that its connection leads to."""

import json
import os
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

# Before anything imports airflow, which reads its configuration once.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="tandem-provider-"))
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"

from tandem_flyte.hooks.flyte import FlyteHook

from tests.provider.fake_admin import AdminServer, FakeAdmin

SECRET = "sw0rdf1sh"


def connection(port: int = 1, **changes: Any) -> dict[str, Any]:
    """Return the connection that the sandbox would export, in Airflow's JSON form."""
    extra = {
        "project": "tandem",
        "domain": "development",
        "insecure": True,
        "auth_mode": "client_credentials",
        "console_endpoint": "http://console.test:1234",
    }
    given = {
        "conn_type": "flyte",
        "host": "127.0.0.1",
        "port": port,
        "login": "airflow-client",
        "password": SECRET,
        "extra": {**extra, **changes.pop("extra", {})},
    }
    return {**given, **changes}


@pytest.fixture
def server() -> Iterator[AdminServer]:
    server = AdminServer()
    yield server
    server.stop()


@pytest.fixture
def admin(server: AdminServer, monkeypatch: pytest.MonkeyPatch) -> FakeAdmin:
    """A FlyteAdmin that the connection `flyte_conn` leads to."""
    monkeypatch.setenv("AIRFLOW_CONN_FLYTE_CONN", json.dumps(connection(server.port)))
    return server.admin


@pytest.fixture
def hook(admin: FakeAdmin) -> FlyteHook:  # noqa: ARG001
    return FlyteHook("flyte_conn")
