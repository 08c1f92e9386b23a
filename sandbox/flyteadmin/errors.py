"""Errors that reach a client as a gRPC status, worded as Flyte words them."""

import grpc


class FlyteError(Exception):
    """A refusal with its gRPC status code."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def not_found(message: str) -> FlyteError:
    """Return NOT_FOUND."""
    return FlyteError(grpc.StatusCode.NOT_FOUND, message)


def invalid(message: str) -> FlyteError:
    """Return INVALID_ARGUMENT."""
    return FlyteError(grpc.StatusCode.INVALID_ARGUMENT, message)


def already_exists(message: str) -> FlyteError:
    """Return ALREADY_EXISTS."""
    return FlyteError(grpc.StatusCode.ALREADY_EXISTS, message)


def failed_precondition(message: str) -> FlyteError:
    """Return FAILED_PRECONDITION."""
    return FlyteError(grpc.StatusCode.FAILED_PRECONDITION, message)


def unimplemented(feature: str) -> FlyteError:
    """Return UNIMPLEMENTED; `feature` is what the caller would call it."""
    return FlyteError(
        grpc.StatusCode.UNIMPLEMENTED, f"{feature}: not part of the embedded FlyteAdmin; use a Flyte cluster"
    )
