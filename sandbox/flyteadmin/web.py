"""The HTTP side: health, the token endpoint, task logs, and room for the console's pages."""

import base64
import binascii
from collections.abc import Sequence
from contextlib import nullcontext
from urllib.parse import unquote_plus

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.flyteadmin.auth import LIFETIME_SECONDS, Tokens
from sandbox.flyteadmin.config import FlyteAdminConfig
from sandbox.flyteadmin.engine.context import log_folder
from sandbox.flyteadmin.services.access import TOKEN_PATH


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to its process."""

    def capture_signals(self) -> nullcontext[None]:  # type: ignore[override]
        """Install nothing."""
        return nullcontext()


def http_server(config: FlyteAdminConfig, tokens: Tokens, console: Sequence[BaseRoute]) -> Server:
    """Return the server, not yet started; `console` are the routes of the web pages."""
    app = Starlette(routes=[*_routes(config, tokens), *console])
    settings = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=config.http_port,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    return Server(settings)


def _routes(config: FlyteAdminConfig, tokens: Tokens) -> list[BaseRoute]:
    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok")

    async def token(request: Request) -> Response:
        return await _token(request, tokens)

    async def log(request: Request) -> Response:
        root = log_folder(config).resolve()
        file = root.joinpath(request.path_params["place"]).resolve()
        if not file.is_relative_to(root) or not file.is_file():
            return PlainTextResponse("There is no such log.", status_code=404)
        return FileResponse(file, media_type="text/plain; charset=utf-8")

    return [
        Route("/healthz", healthz),
        Route(TOKEN_PATH, token, methods=["POST"]),
        Route("/logs/{place:path}", log),
    ]


async def _token(request: Request, tokens: Tokens) -> Response:
    form = await request.form()
    if form.get("grant_type") != "client_credentials":
        return JSONResponse({"error": "unsupported_grant_type"}, status_code=400)
    client_id, secret = _basic(request.headers.get("authorization", ""))
    if not client_id:
        client_id, secret = str(form.get("client_id", "")), str(form.get("client_secret", ""))
    if not tokens.is_client(client_id, secret):
        return JSONResponse({"error": "invalid_client"}, status_code=401, headers={"WWW-Authenticate": "Basic"})
    answer = {"access_token": tokens.issue(), "token_type": "Bearer", "expires_in": LIFETIME_SECONDS}
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


def _basic(header: str) -> tuple[str, str]:
    """Return the id and secret of an HTTP Basic header, empty ones if it is none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        client_id, _, secret = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote_plus(client_id), unquote_plus(secret)
