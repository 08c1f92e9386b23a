"""What Airflow's provider manager reads of this distribution."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGE = "airflow-provider-tandem-flyte"
STOCK_PACKAGE = "airflow-provider-flyte"


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, with the connection type only where nobody else registers it.

    Airflow warns of a connection type that two distributions register, and keeps the first; the stock
    provider's form and this one's are the same, so beside it there is nothing to add.
    """
    info: dict[str, Any] = {
        "package-name": PACKAGE,
        "name": "Tandem Flyte",
        "description": "Launch, await and stop Flyte executions from Airflow.",
        "integrations": [
            {
                "integration-name": "Flyte",
                "external-doc-url": "https://www.union.ai/docs/v1/flyte/",
                "tags": ["service"],
            }
        ],
        "operators": [{"integration-name": "Flyte", "python-modules": ["tandem_flyte.operators.flyte"]}],
        "sensors": [{"integration-name": "Flyte", "python-modules": ["tandem_flyte.sensors.flyte"]}],
        "hooks": [{"integration-name": "Flyte", "python-modules": ["tandem_flyte.hooks.flyte"]}],
        "triggers": [{"integration-name": "Flyte", "python-modules": ["tandem_flyte.triggers.flyte"]}],
        "extra-links": ["tandem_flyte.links.flyte.FlyteConsoleLink"],
    }
    if not _is_installed(STOCK_PACKAGE):
        info["connection-types"] = [
            {
                "connection-type": "flyte",
                "hook-class-name": "tandem_flyte.hooks.flyte.FlyteHook",
                "hook-name": "Flyte",
            }
        ]
    return info


def _is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
