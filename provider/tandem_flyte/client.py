"""Calls to FlyteAdmin: signed in, given up on only when patience ends, safe to share between threads."""

import logging
import ssl
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tandem_flyte.auth import TokenSource
from tandem_flyte.connection import FlyteConnection
from tandem_flyte.errors import FlyteCallError, FlyteUnavailableError

if TYPE_CHECKING:
    import grpc

log = logging.getLogger(__name__)

# What a restarting server, a busy one or a broken connection answers: no verdict on the call itself.
_TRANSIENT = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL"})
_CALL_SECONDS = 20.0
_LONGEST_PAUSE_SECONDS = 10.0
_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    # gRPC's own pauses between connection attempts grow to two minutes otherwise.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5000),
]


class AdminClient:
    """FlyteAdmin's services behind one channel."""

    def __init__(self, connection: FlyteConnection) -> None:
        self.connection = connection
        self._channel = _open_channel(connection)
        self._tokens = TokenSource(connection)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def call(self, method: str, request: Any, *, patience: float = 60.0) -> Any:
        """Return FlyteAdmin's answer, retrying what is transient for `patience` seconds; at 0, never.

        Raises FlyteUnavailableError when patience ends, FlyteAuthenticationError when signing in is
        refused, FlyteCallError for every other answer than success.
        """
        from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

        retrying = Retrying(
            retry=retry_if_exception_type(FlyteUnavailableError),
            wait=wait_random_exponential(multiplier=0.2, max=_LONGEST_PAUSE_SECONDS),
            stop=stop_after_delay(patience),
            before_sleep=lambda state: log.warning(
                "%s; trying again", state.outcome.exception() if state.outcome else "no answer"
            ),
            reraise=True,
        )
        return retrying(self._call_signed_in, method, request, timeout=min(_CALL_SECONDS, patience or _CALL_SECONDS))

    def _call_signed_in(self, method: str, request: Any, *, timeout: float) -> Any:
        import grpc

        header = self._tokens.header
        try:
            try:
                return self._call_once(method, request, header, timeout)
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
                    raise
            self._tokens.refresh(self._channel, header)
            return self._call_once(method, request, self._tokens.header, timeout)
        except grpc.RpcError as error:
            raise self._explain(method, error) from error

    def _call_once(self, method: str, request: Any, header: tuple[str, str] | None, timeout: float) -> Any:
        from flyteidl.service.admin_pb2_grpc import AdminServiceStub

        stub = AdminServiceStub(self._channel)
        return getattr(stub, method)(request, timeout=timeout, metadata=[header] if header else None)

    def _explain(self, method: str, error: "grpc.RpcError") -> Exception:
        code, details = error.code().name, error.details() or "no details"
        endpoint = self.connection.endpoint
        if code in _TRANSIENT:
            return FlyteUnavailableError(f"Flyte at {endpoint} does not answer {method}: {code}: {details}")
        if code in {"UNAUTHENTICATED", "PERMISSION_DENIED"}:
            return self._tokens.refusal(f"{code}: {details}")
        return FlyteCallError(method, code, details, endpoint)


def _open_channel(connection: FlyteConnection) -> "grpc.Channel":
    import grpc

    if connection.is_insecure:
        return grpc.insecure_channel(connection.endpoint, options=_OPTIONS)
    roots = None
    if connection.ca_file:
        roots = Path(connection.ca_file).read_bytes()
    elif connection.skips_verification:
        roots = _presented_certificate(connection)
    return grpc.secure_channel(connection.endpoint, grpc.ssl_channel_credentials(roots), options=_OPTIONS)


def _presented_certificate(connection: FlyteConnection) -> bytes | None:
    """Return the certificate that the server shows, to trust it; gRPC cannot leave verification out."""
    host, _, port = connection.endpoint.rpartition(":")
    with suppress(OSError):
        return ssl.get_server_certificate((host, int(port))).encode()
    return None
