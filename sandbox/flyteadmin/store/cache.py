"""Outputs of cached tasks."""

from flyteidl.core.identifier_pb2 import Identifier, TaskExecutionIdentifier
from flyteidl.core.literals_pb2 import LiteralMap
from sqlalchemy import select

from sandbox.flyteadmin import moments
from sandbox.flyteadmin.store.database import Database
from sandbox.flyteadmin.store.tables import cache


class CacheStore:
    """Outputs by cache key, with the task execution that made them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> tuple[LiteralMap, TaskExecutionIdentifier] | None:
        """Return the outputs and their source, None if there are none."""
        with self._database.transaction() as connection:
            row = connection.execute(select(cache.c.outputs, cache.c.source).where(cache.c.key == key)).first()
        if row is None:
            return None
        return LiteralMap.FromString(row.outputs), TaskExecutionIdentifier.FromString(row.source)

    def put(
        self, key: str, task: Identifier, version: str, source: TaskExecutionIdentifier, outputs: LiteralMap
    ) -> None:
        """Store outputs, in place of older ones."""
        values = {
            "key": key,
            "project": task.project,
            "domain": task.domain,
            "task_name": task.name,
            "cache_version": version,
            "created_at": moments.now(),
            "source": source.SerializeToString(),
            "outputs": outputs.SerializeToString(),
        }
        with self._database.transaction() as connection:
            connection.execute(cache.delete().where(cache.c.key == key))
            connection.execute(cache.insert().values(**values))
