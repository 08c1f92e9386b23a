"""Templates to responses: everything escaped, nothing from elsewhere, errors as pages."""

from http import HTTPStatus
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sandbox.flyteadmin.console import links, wording

FOLDER = Path(__file__).parent
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self';"
    " frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
# A Deck is whatever a task wrote: it may draw and run its scripts, but in an origin of its own, without network.
_DECK_POLICY = (
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval';"
    " img-src data: blob:; font-src data:; media-src data: blob:; worker-src blob:; frame-ancestors 'self'"
)
_COMMON = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["links"] = links
    for name in ("tone", "words", "moment", "duration", "size", "short", "gist"):
        environment.filters[name] = getattr(wording, name)
    environment.tests["web"] = links.is_web
    return environment


_ENVIRONMENT = _environment()


def page(template: str, status: int = 200, **content: Any) -> Response:
    """Return a page."""
    body = _ENVIRONMENT.get_template(template).render(content)
    return HTMLResponse(body, status, headers={"Content-Security-Policy": _POLICY, **_COMMON})


def deck_response(body: bytes) -> Response:
    """Return a task's own HTML, fenced in."""
    return HTMLResponse(body, headers={"Content-Security-Policy": _DECK_POLICY, **_COMMON})


def refused(_request: Request, error: Exception) -> Response:
    """Say in a page what is not there, or not allowed."""
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    answer = page("error.html", error.status_code, title=title, detail=_sentence(error, title), live=0)
    answer.headers.update(error.headers or {})
    return answer


def _sentence(error: HTTPException, title: str) -> str:
    if error.detail != title:
        return error.detail
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return "These pages can only be read."
    return "There is no such page."


def storage_silent(_request: Request, _error: Exception) -> Response:
    """Say that S3 is away."""
    detail = "S3 did not answer in time. Reload this page once it is back."
    return page("error.html", HTTPStatus.GATEWAY_TIMEOUT, title="S3 does not answer", detail=detail, live=0)
