"""Real Airflow, its database migrated, beside a real FlyteAdmin, S3 and registered workflows."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from tandem_flyte.hooks.flyte import FlyteHook

from sandbox.flyteadmin.config import FlyteAdminConfig
from tests.flyteadmin.conftest import BUCKET, FlyteAdminProcess, make_config, pyflyte, s3
from tests.provider.conftest import connection

__all__ = ["s3"]


@pytest.fixture(scope="session")
def flyte(tmp_path_factory: pytest.TempPathFactory, s3: str) -> Iterator[FlyteAdminProcess]:
    """A FlyteAdmin with this folder's example registered."""
    folder = tmp_path_factory.mktemp("flyte")
    server = FlyteAdminProcess(make_config(folder, s3), folder)
    server.start()
    shutil.copytree(Path(__file__).parent / "example", folder / "example")
    place = ("-p", "tandem", "-d", "development", "--version", "v1", "--image", "local/none:1")
    pyflyte(_flytectl(folder, server.config), "register", *place, "example")
    yield server
    server.stop()


def _flytectl(folder: Path, config: FlyteAdminConfig) -> dict[str, str]:
    secret, file = folder / "secret", folder / "flytectl.yaml"
    secret.write_text(config.client_secret)
    file.write_text(
        f"admin:\n  endpoint: 127.0.0.1:{config.grpc_port}\n  insecure: true\n  authType: ClientSecret\n"
        f"  clientId: {config.client_id}\n  clientSecretLocation: {secret}\n"
        f"storage:\n  connection:\n    endpoint: {config.s3_endpoint}\n    access-key: k\n    secret-key: s\n"
    )
    return {**os.environ, "FLYTECTL_CONFIG": str(file), "HOME": str(folder)}


@pytest.fixture
def flyte_conn(flyte: FlyteAdminProcess, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The connection `flyte_conn` to that server, with its client's secret."""
    config = flyte.config
    given = connection(
        config.grpc_port,
        login=config.client_id,
        password=config.client_secret,
        extra={
            "console_endpoint": config.http_url,
            "s3_endpoint": config.s3_endpoint,
            "s3_access_key_id": "k",
            "s3_secret_access_key": "s",
        },
    )
    monkeypatch.setenv("AIRFLOW_CONN_FLYTE_CONN", json.dumps(given))
    return given


@pytest.fixture
def hook(flyte_conn: dict[str, Any]) -> FlyteHook:  # noqa: ARG001
    return FlyteHook("flyte_conn")


@pytest.fixture(scope="session")
def database() -> None:
    """Airflow's own database in these tests' Airflow home."""
    subprocess.run(
        [str(Path(sys.executable).parent / "airflow"), "db", "migrate"], check=True, capture_output=True, timeout=120
    )


@pytest.fixture(scope="session")
def upload(s3: str) -> Callable[[str, bytes], str]:
    """Put bytes into the bucket and return their URI."""
    client = boto3.client(
        "s3", endpoint_url=s3, aws_access_key_id="k", aws_secret_access_key="s", region_name="us-east-1"
    )

    def put(key: str, body: bytes) -> str:
        client.put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"

    return put


@pytest.fixture
def run(database: None, flyte_conn: dict[str, Any]) -> Callable[[Any], Any]:  # noqa: ARG001
    """Return what runs a DAG with Airflow's own machinery, in this process, and gives back its DagRun."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    def run_dag(dag: Any) -> Any:
        bag = DagBag(dag_folder=os.devnull, load_op_links=False)
        bag.bag_dag(dag)
        DagBundlesManager().sync_bundles_to_db()
        sync_bag_to_db(bag, "dags-folder", None)
        return dag.test()

    return run_dag
