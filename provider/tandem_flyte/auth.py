"""Signing in to Flyte without a browser: client credentials, or a command that prints a token."""

import subprocess
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING

from tandem_flyte.connection import FlyteConnection
from tandem_flyte.errors import FlyteAuthenticationError, FlyteUnavailableError

if TYPE_CHECKING:
    import grpc

_TIMEOUT_SECONDS = 10


class TokenSource:
    """Fetches the token that Flyte's own metadata tells how to get, and keeps it until it is refused."""

    def __init__(self, connection: FlyteConnection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._header: tuple[str, str] | None = None

    @property
    def header(self) -> tuple[str, str] | None:
        """The metadata entry to send; None before the first refusal, since a Flyte without auth wants none."""
        return self._header

    def refresh(self, channel: "grpc.Channel", refused: tuple[str, str] | None) -> None:
        """Replace the header that was refused, once for all threads that were refused it."""
        with self._lock:
            if self._header != refused:
                return
            if self._connection.auth is None:
                raise FlyteAuthenticationError(
                    f"Flyte at {self._connection.endpoint} wants a client to sign in, and connection "
                    f"{self._connection.conn_id!r} names none: fill its fields `login` and `password`"
                )
            self._header = self._fetch(channel)

    def _fetch(self, channel: "grpc.Channel") -> tuple[str, str]:
        from flyteidl.service.auth_pb2 import PublicClientAuthConfigRequest
        from flyteidl.service.auth_pb2_grpc import AuthMetadataServiceStub

        service = AuthMetadataServiceStub(channel)
        config = service.GetPublicClientConfig(PublicClientAuthConfigRequest(), timeout=_TIMEOUT_SECONDS)
        if self._connection.auth == "command":
            token = self._run_command()
        else:
            token = self._client_credentials(service, list(config.scopes), config.audience)
        return (config.authorization_metadata_key or "authorization").lower(), f"Bearer {token}"

    def _client_credentials(self, service: "object", scopes: list[str], audience: str) -> str:
        import requests
        from flyteidl.service.auth_pb2 import OAuth2MetadataRequest

        connection = self._connection
        metadata = service.GetOAuth2Metadata(OAuth2MetadataRequest(), timeout=_TIMEOUT_SECONDS)  # type: ignore[attr-defined]
        form = {
            "grant_type": "client_credentials",
            "scope": " ".join(connection.scopes or scopes),
            "audience": connection.audience or audience,
        }
        try:
            answer = requests.post(
                metadata.token_endpoint,
                data={key: value for key, value in form.items() if value},
                auth=(connection.client_id or "", connection.client_secret or ""),
                verify=connection.ca_file or not connection.skips_verification,
                timeout=_TIMEOUT_SECONDS,
            )
        except requests.RequestException as error:
            raise FlyteUnavailableError(
                f"Flyte's token endpoint {metadata.token_endpoint} does not answer: {type(error).__name__}"
            ) from error
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise FlyteUnavailableError(
                f"Flyte's token endpoint {metadata.token_endpoint} answered {answer.status_code}"
            )
        if not answer.ok:
            raise self.refusal(f"{metadata.token_endpoint} answered {answer.status_code}")
        return str(answer.json()["access_token"])

    def _run_command(self) -> str:
        command = list(self._connection.command)
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_TIMEOUT_SECONDS)
        except (OSError, subprocess.SubprocessError) as error:
            raise FlyteAuthenticationError(
                f"connection {self._connection.conn_id!r}: the command {command[0]!r} of `extra.command` "
                f"gave no token: {type(error).__name__}"
            ) from error
        return done.stdout.strip()

    def refusal(self, why: str) -> FlyteAuthenticationError:
        """Return the error for a client that was refused; it names the client and never its secret."""
        connection = self._connection
        who = f"client {connection.client_id!r}" if connection.client_id else "the client"
        return FlyteAuthenticationError(
            f"Flyte at {connection.endpoint} refused {who} of connection {connection.conn_id!r}: {why}"
        )
