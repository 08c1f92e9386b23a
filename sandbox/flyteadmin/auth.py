"""Tokens: made for the one client by its secret, checked on every call, good across restarts."""

import hmac
import time

import grpc
import jwt

from sandbox.flyteadmin.config import FlyteAdminConfig
from sandbox.flyteadmin.errors import FlyteError

LIFETIME_SECONDS = 3600
AUTHORIZATION = "authorization"
_ALGORITHM = "HS256"
_AUDIENCE = "tandem-flyteadmin"


class Tokens:
    """Signs tokens with the client's secret: nothing to store, and a new secret ends the old tokens."""

    def __init__(self, config: FlyteAdminConfig) -> None:
        self._client_id = config.client_id
        self._secret = config.client_secret

    def is_client(self, client_id: str, secret: str) -> bool:
        """Say whether these are the client's credentials."""
        known = hmac.compare_digest(client_id.encode(), self._client_id.encode())
        return hmac.compare_digest(secret.encode(), self._secret.encode()) and known

    def issue(self) -> str:
        """Return a new token."""
        claims = {"sub": self._client_id, "aud": _AUDIENCE, "exp": int(time.time()) + LIFETIME_SECONDS}
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)

    def verify(self, header: str) -> str:
        """Return whom an authorization header speaks for."""
        scheme, _, token = header.partition(" ")
        if not token or scheme.lower() != "bearer":
            raise _unauthenticated("no bearer token was sent")
        try:
            claims = jwt.decode(token, self._secret, algorithms=[_ALGORITHM], audience=_AUDIENCE)
        except jwt.PyJWTError as error:
            raise _unauthenticated(f"the token is not valid: {error}") from None
        subject: str = claims["sub"]
        return subject


def _unauthenticated(reason: str) -> FlyteError:
    return FlyteError(grpc.StatusCode.UNAUTHENTICATED, f"request unauthenticated: {reason}")
