"""How Airflow reaches everything else: its connections, its variable and its pools, as plain data.

The cluster mounts what `environment` returns as a Secret into every Airflow component; the sandbox
exports the same variables to its processes. `flyte_conn` serves airflow-provider-flyte's operator and
the kit's own alike.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from components import naming


@dataclass(frozen=True, kw_only=True)
class Flyte:
    """FlyteAdmin's gRPC address and the machine client that Airflow signs in with."""

    host: str
    port: int
    client_id: str
    client_secret: str = field(repr=False)
    console_endpoint: str
    insecure: bool = False
    project: str = naming.FLYTE_PROJECT
    domain: str = naming.FLYTE_DOMAINS[0]


@dataclass(frozen=True, kw_only=True)
class ObjectStore:
    """S3; endpoint and keys only where no workload identity gives them (the sandbox, a cluster of one's own)."""

    region: str
    endpoint: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Smtp:
    """A mail server for notifications."""

    host: str
    port: int = 587
    sender: str
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    starttls: bool = True


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """Everything that a stack's Airflow is connected to."""

    stack: str
    flyte: Flyte
    s3: ObjectStore
    mlflow_url: str
    database_url: str = field(repr=False)
    code_version: str
    gpus: int = 0
    smtp: Smtp | None = None
    slack_token: str | None = field(default=None, repr=False)


# Slots: tasks that only launch Flyte work are cheap and give their slot back while deferred; tasks
# that hold a data set in memory are few.
POOLS: dict[str, tuple[int, str]] = {
    "flyte_launch": (32, "tasks that launch Flyte executions; a deferred wait holds no slot"),
    "data": (4, "tasks that hold a data set in memory"),
}


def connections(wiring: Wiring) -> dict[str, dict[str, Any]]:
    """Return Airflow's connections by id, in Airflow's JSON form; nulls are left out."""
    found = {
        naming.FLYTE_CONNECTION: _flyte(wiring.flyte, wiring.s3),
        naming.AWS_CONNECTION: _aws(wiring.s3),
        naming.MLFLOW_CONNECTION: _http(wiring.mlflow_url),
    }
    if wiring.smtp:
        found[naming.SMTP_CONNECTION] = _smtp(wiring.smtp)
    if wiring.slack_token:
        found[naming.SLACK_CONNECTION] = {"conn_type": "slack", "password": wiring.slack_token}
    return {name: _without_nulls(value) for name, value in found.items()}


def variable(wiring: Wiring) -> dict[str, Any]:
    """Return the Airflow Variable `tandem`: what the DAGs need to know of the stack, no secret but the database's."""
    roles: tuple[naming.BucketRole, ...] = ("raw", "features", "models")
    buckets: dict[str, str] = {role: f"s3://{naming.bucket_name(wiring.stack, role)}" for role in roles}
    configured = {naming.SMTP_CONNECTION: wiring.smtp, naming.SLACK_CONNECTION: wiring.slack_token}
    return {
        **buckets,
        "gpus": wiring.gpus,
        "database": wiring.database_url,
        "code_version": wiring.code_version,
        "notify": [name for name, value in configured.items() if value],
    }


def environment(wiring: Wiring) -> dict[str, str]:
    """Return the environment variables that carry connections and variable into every Airflow process."""
    exported = {f"AIRFLOW_CONN_{name.upper()}": value for name, value in connections(wiring).items()}
    return {
        **{name: json.dumps(value, sort_keys=True) for name, value in exported.items()},
        "AIRFLOW_VAR_TANDEM": json.dumps(variable(wiring), sort_keys=True),
        **aws_environment(wiring.s3),
        **mlflow_environment(wiring),
    }


def aws_environment(s3: ObjectStore) -> dict[str, str]:
    """Return what boto3, s3fs and the AWS CLI read; empty of keys where workload identity gives them."""
    values = {
        "AWS_DEFAULT_REGION": s3.region,
        "AWS_ENDPOINT_URL_S3": s3.endpoint,
        "AWS_ENDPOINT_URL": s3.endpoint,
        "AWS_ACCESS_KEY_ID": s3.access_key_id,
        "AWS_SECRET_ACCESS_KEY": s3.secret_access_key,
    }
    return {name: value for name, value in values.items() if value}


def mlflow_environment(wiring: Wiring) -> dict[str, str]:
    """Return what MLflow's client reads."""
    values = {"MLFLOW_TRACKING_URI": wiring.mlflow_url, "MLFLOW_S3_ENDPOINT_URL": wiring.s3.endpoint}
    return {name: value for name, value in values.items() if value}


def _flyte(flyte: Flyte, s3: ObjectStore) -> dict[str, Any]:
    return {
        "conn_type": "flyte",
        "host": flyte.host,
        "port": flyte.port,
        "login": flyte.client_id,
        "password": flyte.client_secret,
        "extra": {
            "project": flyte.project,
            "domain": flyte.domain,
            "insecure": flyte.insecure,
            "auth_mode": "client_credentials",
            "console_endpoint": flyte.console_endpoint,
            "s3_endpoint": s3.endpoint,
            "s3_access_key_id": s3.access_key_id,
            "s3_secret_access_key": s3.secret_access_key,
        },
    }


def _aws(s3: ObjectStore) -> dict[str, Any]:
    return {
        "conn_type": "aws",
        "login": s3.access_key_id,
        "password": s3.secret_access_key,
        "extra": {"region_name": s3.region, "endpoint_url": s3.endpoint},
    }


def _http(url: str) -> dict[str, Any]:
    scheme, _, address = url.partition("://")
    host, _, port = address.partition(":")
    default = 443 if scheme == "https" else 80
    return {"conn_type": "http", "schema": scheme, "host": host, "port": int(port or default)}


def _smtp(smtp: Smtp) -> dict[str, Any]:
    return {
        "conn_type": "smtp",
        "host": smtp.host,
        "port": smtp.port,
        "login": smtp.login,
        "password": smtp.password,
        "extra": {"from_email": smtp.sender, "disable_tls": not smtp.starttls},
    }


def _without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    nested = {k: _without_nulls(v) if isinstance(v, dict) else v for k, v in value.items()}
    return {k: v for k, v in nested.items() if v is not None}
