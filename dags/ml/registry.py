"""The champion: the version of the registered model `housing` that MLflow's alias points at."""

from dataclasses import asdict, dataclass, field
from typing import Any

MODEL = "housing"
ALIAS = "champion"
# Root mean squared error of the natural log of the price.
DECIDING_METRIC = "rmse_log"


@dataclass(frozen=True)
class Champion:
    """A registered model version and the run that made it."""

    version: str
    run_id: str
    model_uri: str
    metrics: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return what goes through XCom."""
        return asdict(self)


def champion() -> Champion | None:
    """Return the champion; None before the first promotion."""
    from mlflow.exceptions import MlflowException

    client = _client()
    try:
        found = client.get_model_version_by_alias(MODEL, ALIAS)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
    run = client.get_run(found.run_id)
    uri = f"models:/{MODEL}/{found.version}"
    return Champion(str(found.version), found.run_id, uri, dict(run.data.metrics), dict(run.data.tags))


def beats(challenger: dict[str, float], current: dict[str, float] | None) -> bool:
    """True if the challenger's error is not above the champion's; the first model always wins."""
    return not current or challenger[DECIDING_METRIC] <= current[DECIDING_METRIC]


def promote(run_id: str, model_uri: str) -> str:
    """Register a run's model, once, and point the alias at it; returns the version."""
    import mlflow

    client = _client()
    known = [found for found in client.search_model_versions(f"name='{MODEL}'") if found.run_id == run_id]
    made = known[0] if known else mlflow.register_model(model_uri, MODEL)
    client.set_registered_model_alias(MODEL, ALIAS, made.version)
    return str(made.version)


def run_page(run_id: str) -> str:
    """Return the path of a run's page on MLflow's own site."""
    return f"#/experiments/{_client().get_run(run_id).info.experiment_id}/runs/{run_id}"


def _client() -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient()
