"""The button that opens an execution in Flyte's console."""

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink
from airflow.sdk.execution_time.xcom import XCom

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

# The XCom keys under which operator and sensor say which execution is theirs.
EXECUTION_NAME_KEY = "flyte_execution_name"
EXECUTION_URL_KEY = "flyte_execution_url"


class FlyteConsoleLink(BaseOperatorLink):
    """Opens the execution's page in Flyte's console."""

    name = "Flyte Console"

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:
        """Return the page's address; empty while nothing was launched."""
        del operator
        return XCom.get_value(key=EXECUTION_URL_KEY, ti_key=ti_key) or ""
