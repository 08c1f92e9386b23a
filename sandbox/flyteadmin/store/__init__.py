"""What the server remembers: everything a client may ask for, and everything a restart needs."""

from pathlib import Path

from sandbox.flyteadmin.store.cache import CacheStore
from sandbox.flyteadmin.store.database import Database
from sandbox.flyteadmin.store.entities import EntityStore
from sandbox.flyteadmin.store.executions import ExecutionStore
from sandbox.flyteadmin.store.nodes import NodeStore
from sandbox.flyteadmin.store.projects import ProjectStore
from sandbox.flyteadmin.store.tasks import AttemptStore, TaskExecutionStore


class Store:
    """The parts of the store over one database."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path)
        self.projects = ProjectStore(self.database)
        self.entities = EntityStore(self.database)
        self.executions = ExecutionStore(self.database)
        self.nodes = NodeStore(self.database)
        self.tasks = TaskExecutionStore(self.database)
        self.attempts = AttemptStore(self.database)
        self.cache = CacheStore(self.database)

    def close(self) -> None:
        """Close the database."""
        self.database.close()
