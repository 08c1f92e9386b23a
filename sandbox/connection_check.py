"""Tries every connection through the hook that a DAG would use, and prints what is wrong as JSON by id.

Runs in a process of its own, as an Airflow task would: `python -m sandbox.connection_check ID…`.
"""

import json
import logging
import sys
from collections.abc import Callable
from typing import Any

from components import naming


def check_flyte(conn_id: str) -> tuple[bool, str]:
    """Sign in and ask FlyteAdmin for its version."""
    from tandem_flyte.hooks.flyte import FlyteHook

    works, message = FlyteHook(conn_id).test_connection()
    return works, message


def check_aws(conn_id: str) -> tuple[bool, str]:
    """List the buckets."""
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    client: Any = S3Hook(conn_id).get_conn()
    client.list_buckets()
    return True, ""


def check_mlflow(conn_id: str) -> tuple[bool, str]:
    """Ask for MLflow's health page."""
    from airflow.providers.http.hooks.http import HttpHook

    HttpHook("GET", conn_id).run("/health")
    return True, ""


def check_smtp(conn_id: str) -> tuple[bool, str]:
    """Greet the mail server."""
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    hook: Any = SmtpHook(conn_id)
    works, message = hook.test_connection()
    return works, message


def check_slack(conn_id: str) -> tuple[bool, str]:
    """Ask Slack whose token it is."""
    from airflow.providers.slack.hooks.slack import SlackHook

    hook: Any = SlackHook(slack_conn_id=conn_id)
    works, message = hook.test_connection()
    return works, message


CHECKS: dict[str, Callable[[str], tuple[bool, str]]] = {
    naming.FLYTE_CONNECTION: check_flyte,
    naming.AWS_CONNECTION: check_aws,
    naming.MLFLOW_CONNECTION: check_mlflow,
    naming.SMTP_CONNECTION: check_smtp,
    naming.SLACK_CONNECTION: check_slack,
}


def problem(conn_id: str) -> str:
    """Return what is wrong with one connection, "" if it works."""
    try:
        works, message = CHECKS[conn_id](conn_id)
    except Exception as error:  # whatever a hook raises is the answer
        return f"{type(error).__name__}: {error}"
    return "" if works else message


if __name__ == "__main__":
    logging.disable()
    json.dump({conn_id: problem(conn_id) for conn_id in sys.argv[1:]}, sys.stdout)
