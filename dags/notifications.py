"""Tell somebody: by mail or Slack where the stack has it, in the task's log everywhere."""

import logging
from collections.abc import Mapping
from typing import Any

from stack import settings

log = logging.getLogger(__name__)


def notify(subject: str, text: str, recipient: str = "ml-platform@localhost") -> None:
    """Send through every configured connection; a channel that fails is logged and fails nothing else."""
    log.warning("%s: %s", subject, text)
    for channel in settings()["notify"]:
        try:
            SENDERS[channel](subject, text, recipient)
        except Exception:
            log.exception("could not notify through %s", channel)


def on_failure(context: Mapping[str, Any]) -> None:
    """Tell of a failed task; an Airflow failure callback."""
    instance = context["ti"]
    text = f"task {instance.task_id}, run {instance.run_id}: {context.get('exception')}"
    notify(f"{instance.dag_id} failed", text)


def _mail(subject: str, text: str, recipient: str) -> None:
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    with SmtpHook("smtp_default") as hook:
        hook.send_email_smtp(to=recipient, subject=subject, html_content=text)


def _slack(subject: str, text: str, _recipient: str) -> None:
    from airflow.providers.slack.hooks.slack import SlackHook

    SlackHook(slack_conn_id="slack_default").call(
        "chat.postMessage", json={"channel": "#ml-platform", "text": f"*{subject}*\n{text}"}
    )


SENDERS = {"smtp_default": _mail, "slack_default": _slack}
