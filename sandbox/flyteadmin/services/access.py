"""AuthMetadataService, IdentityService, SignalService and the health check."""

import grpc
from flyteidl.service import auth_pb2, identity_pb2

from sandbox.flyteadmin.auth import AUTHORIZATION
from sandbox.flyteadmin.config import FlyteAdminConfig
from sandbox.flyteadmin.errors import unimplemented

TOKEN_PATH = "/oauth2/token"


class AuthMetadata:
    """Where and how a client gets its token; open to all."""

    def __init__(self, config: FlyteAdminConfig) -> None:
        self._config = config

    def GetOAuth2Metadata(self, _request: object, _caller: str) -> auth_pb2.OAuth2MetadataResponse:
        url = self._config.http_url
        return auth_pb2.OAuth2MetadataResponse(
            issuer=url,
            token_endpoint=f"{url}{TOKEN_PATH}",
            scopes_supported=["all"],
            token_endpoint_auth_methods_supported=["client_secret_basic"],
            grant_types_supported=["client_credentials"],
        )

    def GetPublicClientConfig(self, _request: object, _caller: str) -> auth_pb2.PublicClientAuthConfigResponse:
        return auth_pb2.PublicClientAuthConfigResponse(
            client_id=self._config.client_id,
            scopes=["all"],
            authorization_metadata_key=AUTHORIZATION,
            service_http_endpoint=self._config.http_url,
        )


class Identity:
    """Who a token speaks for."""

    def UserInfo(self, _request: object, caller: str) -> identity_pb2.UserInfoResponse:
        return identity_pb2.UserInfoResponse(subject=caller, name=caller, preferred_username=caller)


class Signals:
    """Signals belong to gate nodes, which are refused at registration."""

    def _refuse(self, _request: object, _caller: str) -> None:
        raise unimplemented("signals of wait_for_input, approve and sleep (gate nodes)")

    GetOrCreateSignal = ListSignals = SetSignal = _refuse


def add_health(server: grpc.aio.Server) -> None:
    """Serve grpc.health.v1.Health/Check, whose messages need no generated code: field 1 is SERVING."""

    async def check(_request: bytes, _context: object) -> bytes:
        return b"\x08\x01"

    handlers = {"Check": grpc.unary_unary_rpc_method_handler(check)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", handlers),))
