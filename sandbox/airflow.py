"""Airflow's settings in the sandbox, and a small client of its REST API."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from components import connections
from sandbox.state import HOST, State, wiring, write_json


def prepare(state: State) -> None:
    """Write the login that SimpleAuthManager reads."""
    secret = state.credentials
    write_json(state.folder / "airflow" / "passwords.json", {secret.airflow_username: secret.airflow_password})


def environment(state: State) -> dict[str, str]:
    """Return what every Airflow process of this sandbox needs, a person's own `airflow` command included."""
    settings = {f"AIRFLOW__{name.upper()}": str(value) for name, value in _settings(state).items()}
    wired = connections.environment(wiring(state))
    return {"AIRFLOW_HOME": str(state.folder / "airflow"), **settings, **wired}


def _settings(state: State) -> dict[str, Any]:
    home, secret = state.folder / "airflow", state.credentials
    return {
        "core__executor": "LocalExecutor",
        "core__parallelism": max(4, 2 * (os.cpu_count() or 1)),
        "core__dags_folder": state.root / "dags",
        "dag_processor__dag_bundle_config_list": json.dumps(_bundles(state)),
        "core__load_examples": False,
        "core__auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "core__simple_auth_manager_users": f"{secret.airflow_username}:admin",
        "core__simple_auth_manager_passwords_file": home / "passwords.json",
        "core__fernet_key": secret.airflow_fernet_key,
        "core__execution_api_server_url": f"{state.url('airflow')}/execution/",
        "core__dags_are_paused_at_creation": False,
        "core__test_connection": "Enabled",
        "database__sql_alchemy_conn": f"sqlite:///{home / 'airflow.db'}",
        "api__host": HOST,
        "api__port": state.ports["airflow"],
        "api__base_url": state.url("airflow"),
        "api__workers": 1,
        "api__secret_key": secret.airflow_api_secret,
        "api_auth__jwt_secret": secret.airflow_jwt_secret,
        "logging__base_log_folder": home / "logs",
        "usage_data_collection__enabled": False,
        "dag_processor__refresh_interval": 30,
        "dag_processor__min_file_process_interval": 30,
        "dag_processor__parsing_processes": 1,
        "triggerer__capacity": 5000,
        "triggerer__max_trigger_to_select_per_loop": 500,
        # A process that was killed leaves its tasks to its successor: found within seconds, not minutes. A
        # scheduler is given longer, for one that takes itself for dead under load resets what runs.
        "scheduler__scheduler_health_check_threshold": 30,
        "scheduler__orphaned_tasks_check_interval": 10,
        "scheduler__job_heartbeat_sec": 2,
        "scheduler__scheduler_idle_sleep_time": 0.25,
        "scheduler__trigger_timeout_check_interval": 2,
        "scheduler__task_instance_heartbeat_timeout": 30,
        "scheduler__task_instance_heartbeat_timeout_detection_interval": 5,
        "workers__min_heartbeat_interval": 2,
        "triggerer__job_heartbeat_sec": 2,
        "triggerer__triggerer_health_check_threshold": 10,
    }


def _bundles(state: State) -> list[dict[str, Any]]:
    """Return where DAGs come from: the clone's dags/, and the folder that TANDEM_DAGS names if it is set."""
    folders = {"dags-folder": str(state.root / "dags")}
    if own := os.environ.get("TANDEM_DAGS"):
        folders["own-dags"] = str(Path(own).resolve())
    local = "airflow.dag_processing.bundles.local.LocalDagBundle"
    return [{"name": name, "classpath": local, "kwargs": {"path": path}} for name, path in folders.items()]


def component_health(state: State, component: str, since: float) -> str:
    """Ask the API server about one component; "healthy", or what is still missing.

    A heartbeat from before `since` (seconds of the epoch) is of a process that is gone.
    """
    answer = httpx.get(f"{state.url('airflow')}/api/v2/monitor/health", timeout=5).raise_for_status().json()[component]
    if answer["status"] != "healthy":
        return f"{answer['status'] or 'not started'}"
    beat = answer.get(f"latest_{component}_heartbeat")
    if beat and datetime.fromisoformat(beat).timestamp() < since:
        return "waiting for its first heartbeat"
    return "healthy"


class Client:
    """Airflow's REST API, signed in with the generated login."""

    def __init__(self, state: State) -> None:
        secret = state.credentials
        login = {"username": secret.airflow_username, "password": secret.airflow_password}
        # An api-server that was killed is back within seconds: connecting is tried again.
        transport = httpx.HTTPTransport(retries=5)
        self._http = httpx.Client(base_url=state.url("airflow"), timeout=30, transport=transport)
        token = self._http.post("/auth/token", json=login).raise_for_status().json()["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **query: Any) -> Any:
        """GET below /api/v2; raises httpx.HTTPStatusError."""
        return self._http.get(f"/api/v2{path}", params=query).raise_for_status().json()

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Send a change below /api/v2; raises httpx.HTTPStatusError."""
        answer = self._http.request(method, f"/api/v2{path}", json=body).raise_for_status()
        return answer.json() if answer.content else None

    def pages(self, path: str, key: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield every row of a list call."""
        offset = 0
        while rows := self.get(path, limit=100, offset=offset, **query)[key]:
            yield from rows
            offset += len(rows)

    def set_pools(self) -> None:
        """Make the pools that the DAGs name."""
        for name, (slots, description) in connections.POOLS.items():
            body = {
                "name": name,
                "pool": name,
                "slots": slots,
                "description": description,
                "include_deferred": False,
            }
            if self._http.get(f"/api/v2/pools/{name}").status_code == 404:
                self.send("POST", "/pools", {k: v for k, v in body.items() if k != "pool"})
            else:
                self.send("PATCH", f"/pools/{name}", {k: v for k, v in body.items() if k != "name"})

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Start a DAG run by hand; returns its run id."""
        body = {"logical_date": datetime.now(UTC).isoformat(), "conf": conf or {}}
        run: dict[str, Any] = self.send("POST", f"/dags/{dag_id}/dagRuns", body)
        return str(run["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return one DAG run."""
        found: dict[str, Any] = self.get(f"/dags/{dag_id}/dagRuns/{run_id}")
        return found

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Return one XCom's value, or None where the task left none."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        answer = self._http.get(path, params={"deserialize": "false"})
        if answer.status_code == 404:
            return None
        value = answer.raise_for_status().json()["value"]
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError:
            return value
