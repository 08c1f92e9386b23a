"""Addresses of the console's pages."""

from typing import Protocol
from urllib.parse import quote, urlencode, urlsplit


class ExecutionId(Protocol):
    """What identifies an execution."""

    project: str
    domain: str
    name: str


def executions(project: str, domain: str, **query: str | int) -> str:
    """Return the list of a domain's executions; empty query values are left out."""
    given = urlencode({key: value for key, value in query.items() if value})
    address = f"/console/projects/{_quoted(project)}/domains/{_quoted(domain)}/executions"
    return f"{address}?{given}" if given else address


def execution(identifier: ExecutionId) -> str:
    """Return the page of an execution."""
    return f"{executions(identifier.project, identifier.domain)}/{_quoted(identifier.name)}"


def node(identifier: ExecutionId, node_id: str) -> str:
    """Return the page of a node."""
    return f"{_node(identifier, node_id)}/nodes"


def element(identifier: ExecutionId, node_id: str, index: int) -> str:
    """Return the page of one element of a map task."""
    return f"{node(identifier, node_id)}/{index}"


def log(identifier: ExecutionId, node_id: str, attempt: str) -> str:
    """Return the page of an attempt's log."""
    return f"{_node(identifier, node_id)}/logs/{_quoted(attempt)}"


def log_text(identifier: ExecutionId, node_id: str, attempt: str) -> str:
    """Return the whole of an attempt's log as plain text, which the web server has beside the console."""
    parts = (identifier.project, identifier.domain, identifier.name, node_id, attempt)
    return "/logs/" + "/".join(map(_quoted, parts))


def deck(identifier: ExecutionId, node_id: str, attempt: str) -> str:
    """Return an attempt's Deck."""
    return f"{_node(identifier, node_id)}/decks/{_quoted(attempt)}"


def is_web(address: str) -> bool:
    """Say whether a value from outside may become a link: no javascript:, no data:."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _node(identifier: ExecutionId, node_id: str) -> str:
    return f"{execution(identifier)}/nodeId/{_quoted(node_id)}"


def _quoted(part: str) -> str:
    return quote(part, safe="")
