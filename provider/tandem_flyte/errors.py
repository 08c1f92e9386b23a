"""What can go wrong between Airflow and Flyte, by what Airflow should do about it."""

from airflow.sdk.exceptions import AirflowException, AirflowFailException


class FlyteConfigurationError(AirflowFailException):
    """The task, its inputs or its connection are wrong: a retry would only fail again."""


class FlyteUnavailableError(AirflowException):
    """Flyte did not answer in time."""


class FlyteAuthenticationError(AirflowException):
    """Flyte, or its token endpoint, refused the client."""


class FlyteCallError(AirflowException):
    """Flyte answered a call with an error; `code` is gRPC's name for it."""

    def __init__(self, method: str, code: str, details: str, endpoint: str) -> None:
        super().__init__(f"Flyte at {endpoint} answered {method} with {code}: {details}")
        self.code = code
        self.details = details


class FlyteExecutionError(AirflowException):
    """A Flyte execution ended FAILED, ABORTED or TIMED_OUT."""
