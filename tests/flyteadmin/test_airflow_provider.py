"""airflow-provider-flyte's own hook, unmodified, with the connection the sandbox makes for it."""

import json
from collections.abc import Callable

import pytest
from flyte_provider.hooks.flyte import FlyteHook
from flytekit.models.execution import Execution
from flytekit.remote import FlyteRemote

from tests.flyteadmin.conftest import DOMAIN, PROJECT, VERSION, FlyteAdminProcess, finish


@pytest.fixture
def hook(admin: FlyteAdminProcess, remote: FlyteRemote, monkeypatch: pytest.MonkeyPatch) -> FlyteHook:  # noqa: ARG001
    """Return the stock hook."""
    config = admin.config
    connection = {
        "conn_type": "flyte",
        "host": "127.0.0.1",
        "port": config.grpc_port,
        "login": config.client_id,
        "password": config.client_secret,
        "extra": {"project": PROJECT, "domain": DOMAIN, "insecure": True, "auth_mode": "client_credentials"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_FLYTE_CONN", json.dumps(connection))
    return FlyteHook("flyte_conn")


def start(hook: FlyteHook, name: str, seconds: float) -> None:
    """Start a sleeping execution as the stock operator does, with empty labels and annotations."""
    hook.trigger_execution(
        name,
        launchplan_name="example.basics.sleep_for",
        version=VERSION,
        labels={},
        annotations={},
        inputs={"seconds": seconds},
    )


def test_trigger_and_status(hook: FlyteHook, remote: FlyteRemote) -> None:
    """It authenticates, starts an execution and sees it end."""
    start(hook, "stock-hook", 0.1)
    execution: Execution = finish(remote, "stock-hook")
    assert hook.execution_status("stock-hook", hook.create_flyte_remote())
    assert execution.spec.launch_plan.name == "example.basics.sleep_for"


def test_failure_and_terminate(hook: FlyteHook, remote: FlyteRemote, finished: Callable[[str], Execution]) -> None:
    """It raises for a failed execution, and ends one."""
    finished("absent")
    with pytest.raises(Exception, match="absent failed"):
        hook.execution_status("absent", hook.create_flyte_remote())
    start(hook, "stock-ended", 60.0)
    hook.terminate("stock-ended", "from Airflow")
    assert finish(remote, "stock-ended").closure.abort_metadata.cause == "from Airflow"
