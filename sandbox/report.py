"""What `status --json` and `up --json` print of a sandbox."""

from typing import Any

from components import naming
from sandbox.control import is_running
from sandbox.state import HOST, State
from sandbox.supervisor import read_status


def describe(state: State) -> dict[str, Any]:
    """Return addresses, logins and the services' states; nulls for what was never started."""
    secret, status = state.credentials, read_status(state)
    if not state.ports:
        return {"running": False, "services": {}}
    return {
        "running": is_running(state),
        "airflow": {
            "url": state.url("airflow"),
            "username": secret.airflow_username,
            "password": secret.airflow_password,
        },
        "flyte": {
            "endpoint": f"{HOST}:{state.ports['flyte']}",
            "console": f"{state.url('console')}/console",
            "client_id": secret.flyte_client_id,
            "client_secret": secret.flyte_client_secret,
            "project": naming.FLYTE_PROJECT,
            "domain": naming.FLYTE_DOMAINS[0],
        },
        "s3": {
            "endpoint": state.url("s3"),
            "access_key_id": secret.s3_access_key_id,
            "secret_access_key": secret.s3_secret_access_key,
        },
        "mlflow": {"url": state.url("mlflow")},
        "services": {
            name: {
                "state": service.phase,
                "pid": service.process.pid if service.process else None,
                "restarts": service.restarts,
                "detail": service.detail,
            }
            for name, service in status.services.items()
        },
        "notes": status.notes,
    }
