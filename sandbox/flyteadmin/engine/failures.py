"""How a node's failure travels through the graph."""

from flyteidl.core.execution_pb2 import ExecutionError


class NodeFailedError(Exception):
    """A node has failed and its record says so; what contains it fails with the same error."""

    def __init__(self, error: ExecutionError) -> None:
        super().__init__(error.message)
        self.error = error


def user_error(code: str, message: str) -> ExecutionError:
    """Return an error that the workflow's author can mend."""
    return ExecutionError(code=code, message=message, kind=ExecutionError.USER)


def system_error(code: str, message: str) -> ExecutionError:
    """Return an error of the server or the machine."""
    return ExecutionError(code=code, message=message, kind=ExecutionError.SYSTEM)
