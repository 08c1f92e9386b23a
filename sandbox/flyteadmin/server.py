"""The server as a whole: one event loop for gRPC, HTTP and the executions, one process to a state folder."""

import asyncio
import fcntl
import logging
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from flyteidl.service import admin_pb2, auth_pb2, dataproxy_pb2, identity_pb2, signal_pb2
from starlette.routing import BaseRoute

from sandbox.flyteadmin.auth import Tokens
from sandbox.flyteadmin.config import FlyteAdminConfig
from sandbox.flyteadmin.console import routes
from sandbox.flyteadmin.engine import Engine
from sandbox.flyteadmin.engine.launch import Launcher
from sandbox.flyteadmin.registration import Registration
from sandbox.flyteadmin.services.access import AuthMetadata, Identity, Signals, add_health
from sandbox.flyteadmin.services.dataproxy import DataProxy
from sandbox.flyteadmin.services.entities import EntityService
from sandbox.flyteadmin.services.executions import ExecutionService
from sandbox.flyteadmin.services.nodes import NodeService
from sandbox.flyteadmin.services.projects import ProjectService
from sandbox.flyteadmin.services.rpc import add_service
from sandbox.flyteadmin.storage import Storage
from sandbox.flyteadmin.store import Store
from sandbox.flyteadmin.web import http_server

log = logging.getLogger(__name__)
# A registered workflow or a map over many literals is larger than gRPC's 4 MiB.
MAX_MESSAGE_BYTES = 64 * 2**20


class StateInUseError(Exception):
    """Another server has the state folder."""


@contextmanager
def _only_server(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateInUseError(f"another FlyteAdmin server uses {folder}") from None
        yield


class FlyteAdmin:
    """The parts, put together."""

    def __init__(self, config: FlyteAdminConfig) -> None:
        self.config = config
        self.store = Store(config.state_dir / "flyteadmin.db")
        self.storage = Storage(config)
        self.tokens = Tokens(config)
        self.registration = Registration(config, self.store)
        self.launcher = Launcher(config, self.store, self.registration)
        self.engine = Engine(config, self.store, self.storage, self.launcher)
        self.store.projects.ensure(config.projects)

    def grpc_server(self) -> grpc.aio.Server:
        """Return the gRPC server with all services, not yet started."""
        options = [
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.so_reuseport", 0),
            # Airflow's processes hold idle channels open by pings more frequent than gRPC allows by default.
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", 1000),
            ("grpc.http2.max_ping_strikes", 0),
        ]
        server = grpc.aio.server(options=options)
        admin: list[object] = [
            ProjectService(self.config, self.store),
            EntityService(self.store, self.registration),
            ExecutionService(self.store, self.launcher, self.engine),
            NodeService(self.store),
        ]
        services: list[tuple[Any, str, list[object], Tokens | None]] = [
            (admin_pb2, "AdminService", admin, self.tokens),
            (dataproxy_pb2, "DataProxyService", [DataProxy(self.store, self.storage)], self.tokens),
            (identity_pb2, "IdentityService", [Identity()], self.tokens),
            (signal_pb2, "SignalService", [Signals()], self.tokens),
            (auth_pb2, "AuthMetadataService", [AuthMetadata(self.config)], None),
        ]
        for module, name, parts, tokens in services:
            add_service(server, module.DESCRIPTOR.services_by_name[name], parts, tokens)
        add_health(server)
        server.add_insecure_port(f"127.0.0.1:{self.config.grpc_port}")
        return server

    def console(self) -> Sequence[BaseRoute]:
        """Return the routes of the web pages."""
        return routes(self.config, self.store, self.storage)


async def serve(config: FlyteAdminConfig) -> None:
    """Serve until SIGTERM or SIGINT."""
    with _only_server(config.state_dir):
        admin = FlyteAdmin(config)
        over = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, over.set)
        grpc_server = admin.grpc_server()
        http = http_server(config, admin.tokens, admin.console())
        await grpc_server.start()
        resumed = admin.engine.resume()
        web = asyncio.create_task(http.serve())
        log.info("gRPC on 127.0.0.1:%d, %s, %d executions resumed", config.grpc_port, config.http_url, resumed)
        stopped = asyncio.create_task(over.wait())
        await asyncio.wait({stopped, web}, return_when=asyncio.FIRST_COMPLETED)
        await grpc_server.stop(grace=1)
        await admin.engine.stop()
        http.should_exit = True
        await web
        admin.storage.close()
        admin.store.close()
