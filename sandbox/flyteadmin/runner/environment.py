"""The environment of a task's process: Flyte's own, and nothing of the server's."""

from dataclasses import dataclass
from pathlib import Path

from flyteidl.core.identifier_pb2 import Identifier, WorkflowExecutionIdentifier

from sandbox.flyteadmin.config import FlyteAdminConfig
from sandbox.flyteadmin.runner.resources import Request

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
ARRAY_INDEX = "FLYTE_K8S_ARRAY_INDEX"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Whose process it is."""

    execution: WorkflowExecutionIdentifier
    workflow: Identifier
    launch_plan: Identifier
    node_id: str
    task: Identifier
    attempt: int


def path(config: FlyteAdminConfig) -> str:
    """Return the PATH tasks have."""
    return f"{config.python_bin_dir}:{_SYSTEM_PATH}"


def base(config: FlyteAdminConfig, folder: Path, request: Request) -> dict[str, str]:
    """Return what every process gets; caches are shared between attempts, all else is the attempt's own."""
    threads = str(max(1, int(request.cpu)))
    return {
        "PATH": path(config),
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "XDG_CACHE_HOME": str(config.state_dir / "cache"),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "FLYTE_AWS_ENDPOINT": config.s3_endpoint,
        "FLYTE_AWS_ACCESS_KEY_ID": config.s3_access_key_id,
        "FLYTE_AWS_SECRET_ACCESS_KEY": config.s3_secret_access_key,
        **dict.fromkeys(_THREADS, threads),
        **config.task_env,
    }


def _name(identifier: Identifier) -> str:
    return f"{identifier.project}:{identifier.domain}:{identifier.name}"


def of_flyte(config: FlyteAdminConfig, who: Identity) -> dict[str, str]:
    """Return what flytekit reads of its surroundings, as FlytePropeller sets it."""
    execution, task = who.execution, who.task
    where = f"projects/{execution.project}/domains/{execution.domain}/executions/{execution.name}"
    return {
        "FLYTE_INTERNAL_EXECUTION_ID": execution.name,
        "FLYTE_INTERNAL_EXECUTION_PROJECT": execution.project,
        "FLYTE_INTERNAL_EXECUTION_DOMAIN": execution.domain,
        "FLYTE_INTERNAL_EXECUTION_WORKFLOW": _name(who.workflow),
        "FLYTE_INTERNAL_EXECUTION_LAUNCHPLAN": _name(who.launch_plan),
        "FLYTE_INTERNAL_TASK_PROJECT": task.project,
        "FLYTE_INTERNAL_TASK_DOMAIN": task.domain,
        "FLYTE_INTERNAL_TASK_NAME": task.name,
        "FLYTE_INTERNAL_TASK_VERSION": task.version,
        "FLYTE_INTERNAL_PROJECT": task.project,
        "FLYTE_INTERNAL_DOMAIN": task.domain,
        "FLYTE_INTERNAL_NAME": task.name,
        "FLYTE_INTERNAL_VERSION": task.version,
        "FLYTE_ATTEMPT_NUMBER": str(who.attempt),
        "FLYTE_EXECUTION_URL": f"{config.http_url}/console/{where}/nodeId/{who.node_id}/nodes",
    }


def of_subtask(index: int) -> dict[str, str]:
    """Return how a map task learns which element is its own."""
    return {"BATCH_JOB_ARRAY_INDEX_VAR_NAME": ARRAY_INDEX, ARRAY_INDEX: str(index)}
