"""The pages that read files and S3, which the event loop must not wait for."""

import asyncio

from botocore.exceptions import ClientError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sandbox.flyteadmin.config import FlyteAdminConfig
from sandbox.flyteadmin.console.attempts import AttemptView, find_attempt, log_place, read_log
from sandbox.flyteadmin.console.lookup import execution_of
from sandbox.flyteadmin.console.rendering import deck_response, page
from sandbox.flyteadmin.engine.context import log_folder
from sandbox.flyteadmin.storage import Storage
from sandbox.flyteadmin.store import Store
from sandbox.flyteadmin.store.executions import ExecutionRow

LOG_BYTES = 256 * 1024
LIVE_LOG = 2
S3_PATIENCE_SECONDS = 10


class ContentPages:
    """Logs and Decks."""

    def __init__(self, config: FlyteAdminConfig, store: Store, storage: Storage) -> None:
        self._folder = log_folder(config)
        self._store = store
        self._storage = storage

    def _attempt(self, request: Request) -> tuple[ExecutionRow, AttemptView]:
        row = execution_of(request, self._store)
        node_id, name = request.path_params["node_id"], request.path_params["attempt"]
        found = find_attempt(self._store, row.key, node_id, name)
        if found is None:
            raise HTTPException(404, f"Execution {row.id.name} has no attempt “{name}” at node “{node_id}”.")
        return row, found

    async def log(self, request: Request) -> Response:
        """Show the end of an attempt's log."""
        row, attempt = self._attempt(request)
        node_id = request.path_params["node_id"]
        place = log_place(row.id, node_id, attempt.name)
        found = await asyncio.to_thread(read_log, self._folder, place, LOG_BYTES)
        return page(
            "log.html",
            title=f"Log of {node_id}, attempt {attempt.name}",
            live=0 if attempt.finished or row.finished else LIVE_LOG,
            row=row,
            node_id=node_id,
            attempt=attempt,
            log=found,
        )

    async def deck(self, request: Request) -> Response:
        """Return the HTML that an attempt wrote."""
        _, attempt = self._attempt(request)
        if not attempt.deck_uri:
            raise HTTPException(404, "This attempt has no Deck.")
        try:
            async with asyncio.timeout(S3_PATIENCE_SECONDS):
                return deck_response(await self._storage.get(attempt.deck_uri))
        except ClientError as error:
            if error.response["ResponseMetadata"].get("HTTPStatusCode") == 404:
                raise HTTPException(404, "The Deck is no longer in S3.") from None
            raise HTTPException(502, f"S3 refused to give the Deck: {error}") from None
