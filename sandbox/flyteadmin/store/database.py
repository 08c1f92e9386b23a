"""One SQLite file in WAL mode, written by one process.

Calls are synchronous on purpose: each takes well under a millisecond or two, so the event loop serves as
the lock that keeps read-modify-write together.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event

from sandbox.flyteadmin.store.tables import metadata


class Database:
    """The connection; nested `transaction` blocks join the outer one."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False})
        event.listen(self._engine, "connect", _configure)
        metadata.create_all(self._engine)
        self._connection = self._engine.connect()
        self._depth = 0

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Commit when the outermost block ends, roll back if it raises."""
        self._depth += 1
        try:
            yield self._connection
        except BaseException:
            if self._depth == 1:
                self._connection.rollback()
            raise
        else:
            if self._depth == 1:
                self._connection.commit()
        finally:
            self._depth -= 1

    def close(self) -> None:
        """Close the file; the write-ahead log is folded back into it."""
        self._connection.close()
        self._engine.dispose()


def _configure(connection: Any, _record: Any) -> None:
    # NORMAL survives a killed server; only a power cut can lose the last commits.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "case_sensitive_like=ON"):
        connection.execute(f"PRAGMA {pragma}")
