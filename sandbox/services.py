"""The services of a sandbox: how each starts, what it needs first and when it counts as healthy."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import httpx

from components import connections, naming
from sandbox import airflow
from sandbox.state import HOST, STACK, PortName, State, buckets, wiring, write_private

HEALTHY = "healthy"


@dataclass(frozen=True, kw_only=True)
class Service:
    """One process that the supervisor keeps alive.

    `health` takes the time the process started, in seconds of the epoch, and returns "healthy" or
    what is missing; it may raise httpx.HTTPError or OSError while nothing answers.
    """

    name: str
    title: str
    command: list[str]
    env: dict[str, str] = field(repr=False)
    health: Callable[[float], str]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Migration:
    """A step that runs once before some services start, and again only when its `version` changes."""

    name: str
    title: str
    command: list[str]
    env: dict[str, str] = field(repr=False)
    version: str
    stamp: Path


def services(state: State) -> list[Service]:
    """Return every service, in the order they start."""
    env = base_environment(state)
    return [_s3(state, env), *_airflow(state, env), _flyteadmin(state, env), _mlflow(state, env)]


def migrations(state: State) -> list[Migration]:
    """Return what prepares the databases."""
    version, stamp = metadata.version("apache-airflow"), state.folder / "airflow" / "migrated"
    # The stamp is written only if the migration succeeded.
    script = '"$0" -m airflow db migrate && printf %s "$1" > "$2"'
    return [
        Migration(
            name="airflow-db",
            title="Airflow's database",
            command=["/bin/sh", "-c", script, _python(state), version, str(stamp)],
            env={**base_environment(state), **airflow.environment(state)},
            version=version,
            stamp=stamp,
        )
    ]


# Which ports a service holds while it runs.
PORTS: dict[str, list[PortName]] = {
    "api-server": ["airflow"],
    "flyteadmin": ["flyte", "console"],
    "s3": ["s3"],
    "mlflow": ["mlflow"],
}


def ports_of(names: set[str]) -> set[PortName]:
    """Return the ports that some services hold."""
    return {port for name in names for port in PORTS.get(name, [])}


def base_environment(state: State) -> dict[str, str]:
    """Return what all processes get: nothing of a person's own Airflow, AWS, Flyte or MLflow settings."""
    foreign = ("AIRFLOW", "AWS_", "FLYTE", "MLFLOW", "PYTHONHOME", "PULUMI", "OMP_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    path = f"{state.bin}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {
        **kept,
        "PATH": path,
        "PYTHONPATH": str(state.root),
        "PYTHONUNBUFFERED": "1",
        "TANDEM_ROOT": str(state.root),
        "TANDEM_STATE": str(state.folder),
        "NO_PROXY": HOST,
        "no_proxy": HOST,
    }


def _python(state: State) -> str:
    return str(state.bin / "python")


def _answers(url: str) -> Callable[[float], str]:
    def check(_since: float) -> str:
        httpx.get(url, timeout=5).raise_for_status()
        return HEALTHY

    return check


def _s3(state: State, env: dict[str, str]) -> Service:
    journal = state.folder / "s3" / "objects.db"
    options = ["--port", str(state.ports["s3"]), "--journal", str(journal)]
    made = [word for bucket in buckets() for word in ("--bucket", bucket)]
    return Service(
        name="s3",
        title="S3 (moto)",
        command=[_python(state), "-m", "sandbox.s3", *options, *made],
        env=env,
        health=_answers(f"{state.url('s3')}/moto-api/"),
    )


def _mlflow(state: State, env: dict[str, str]) -> Service:
    wired, folder = wiring(state), state.folder / "mlflow"
    folder.mkdir(parents=True, exist_ok=True)
    artifacts = f"s3://{naming.bucket_name(STACK, 'mlflow')}"
    options = {
        "--host": HOST,
        "--port": str(state.ports["mlflow"]),
        "--workers": "1",
        "--backend-store-uri": f"sqlite:///{folder / 'mlflow.db'}",
        "--default-artifact-root": artifacts,
    }
    words = [word for pair in options.items() for word in pair]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    return Service(
        name="mlflow",
        title="MLflow",
        command=[_python(state), "-m", "mlflow", "server", "--no-serve-artifacts", *words],
        env={
            **env,
            **quiet,
            **connections.aws_environment(wired.s3),
            **connections.mlflow_environment(wired),
        },
        health=_answers(f"{state.url('mlflow')}/health"),
    )


def _flyteadmin(state: State, env: dict[str, str]) -> Service:
    from sandbox.flyteadmin.config import FlyteAdminConfig

    wired, path = wiring(state), state.folder / "flyteadmin" / "config.json"
    secret = state.credentials
    config = FlyteAdminConfig(
        grpc_port=state.ports["flyte"],
        http_port=state.ports["console"],
        state_dir=path.parent,
        projects=[naming.FLYTE_PROJECT],
        domains=list(naming.FLYTE_DOMAINS),
        client_id=secret.flyte_client_id,
        client_secret=secret.flyte_client_secret,
        s3_endpoint=state.url("s3"),
        s3_access_key_id=secret.s3_access_key_id,
        s3_secret_access_key=secret.s3_secret_access_key,
        bucket=naming.bucket_name(STACK, "flyte"),
        task_env={**connections.aws_environment(wired.s3), **connections.mlflow_environment(wired)},
        python_bin_dir=state.bin,
    )
    write_private(path, config.model_dump_json(indent=2))
    return Service(
        name="flyteadmin",
        title="FlyteAdmin (embedded)",
        command=[_python(state), "-m", "sandbox.flyteadmin", str(path)],
        env=env,
        health=_answers(f"{state.url('console')}/healthz"),
        needs=("s3",),
    )


def _airflow(state: State, env: dict[str, str]) -> list[Service]:
    airflow.prepare(state)
    settings = {**env, **airflow.environment(state)}

    def component(name: str, *options: str) -> Service:
        key = name.replace("-", "_")
        return Service(
            name=name,
            title=f"Airflow {name}",
            command=[_python(state), "-m", "airflow", name, *options],
            env=settings,
            health=lambda since: airflow.component_health(state, key, since),
            needs=("airflow-db",),
        )

    api = Service(
        name="api-server",
        title="Airflow api-server",
        command=[_python(state), "-m", "airflow", "api-server"],
        env=settings,
        health=_answers(f"{state.url('airflow')}/api/v2/version"),
        needs=("airflow-db",),
    )
    # Their log servers would listen on every interface; the API server reads the same files.
    return [
        api,
        component("scheduler", "--skip-serve-logs"),
        component("dag-processor"),
        component("triggerer", "--skip-serve-logs"),
    ]
