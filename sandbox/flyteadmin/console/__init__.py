"""Read-only web pages of executions, their nodes, logs, values and Decks, from the store and S3."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from sandbox.flyteadmin.config import FlyteAdminConfig
from sandbox.flyteadmin.console.content import ContentPages
from sandbox.flyteadmin.console.pages import Pages
from sandbox.flyteadmin.console.rendering import FOLDER, refused, storage_silent
from sandbox.flyteadmin.storage import Storage
from sandbox.flyteadmin.store import Store

EXECUTIONS = "/console/projects/{project}/domains/{domain}/executions"
NODE = EXECUTIONS + "/{name}/nodeId/{node_id}"


def routes(config: FlyteAdminConfig, store: Store, storage: Storage) -> list[BaseRoute]:
    """Return what the web server mounts; the handlers run on the loop that owns the store."""
    pages, content = Pages(config, store), ContentPages(config, store, storage)
    console = Starlette(
        routes=[
            Route("/console", pages.overview, methods=["GET"]),
            Mount("/console/static", StaticFiles(directory=FOLDER / "static")),
            Route(EXECUTIONS, pages.executions, methods=["GET"]),
            Route(EXECUTIONS + "/{name}", pages.execution, methods=["GET"]),
            # The address flytekit knows as FLYTE_EXECUTION_URL.
            Route(NODE + "/nodes", pages.node, methods=["GET"]),
            Route(NODE + "/nodes/{index:int}", pages.element, methods=["GET"]),
            Route(NODE + "/logs/{attempt}", content.log, methods=["GET"]),
            Route(NODE + "/decks/{attempt}", content.deck, methods=["GET"]),
        ],
        # A page elsewhere that points its own name at 127.0.0.1 must not read these.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
        exception_handlers={HTTPException: refused, TimeoutError: storage_silent},
    )
    return [Route("/console", console), Route("/console/{rest:path}", console)]
