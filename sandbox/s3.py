"""An S3 whose objects outlive it: moto's server, with every change journaled to SQLite before it is answered.

moto keeps objects in memory. After each successful write this reads the object's state back from moto
and stores it, so that multipart uploads, copies and bulk deletes need no code of their own; at the
start all of it is put back. Of a versioned bucket the current versions survive.

Run as `python -m sandbox.s3 --port 9000 --journal objects.db --bucket NAME…`.
"""

import argparse
import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import FakeKey, S3Backend, s3_backends
from werkzeug.serving import run_simple

WRITES = {"PUT", "POST", "DELETE"}
REGION = "us-east-1"


def backend() -> S3Backend:
    """Return moto's S3 of the default account."""
    found: S3Backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    return found


class Journal:
    """The buckets and objects on disk; safe to use from many threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.executescript(
            """
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = NORMAL;
            CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY);
            CREATE TABLE IF NOT EXISTS objects (
                bucket TEXT, key TEXT, body BLOB, metadata TEXT, etag TEXT, modified TEXT,
                PRIMARY KEY (bucket, key));
            """
        )

    def record(self, bucket: str, key: str | None) -> None:
        """Store what moto now holds of one object, or of a whole bucket where `key` is None."""
        with self._lock:
            if bucket not in backend().buckets:
                self._db.execute("DELETE FROM buckets WHERE name = ?", [bucket])
                self._db.execute("DELETE FROM objects WHERE bucket = ?", [bucket])
                return
            self._db.execute("INSERT OR IGNORE INTO buckets VALUES (?)", [bucket])
            if key is None:
                self._drop_deleted(bucket)
            else:
                self._store(bucket, key)

    def _store(self, bucket: str, key: str) -> None:
        found = backend().buckets[bucket].keys.get(key)
        if not isinstance(found, FakeKey):  # gone, or a delete marker
            self._db.execute("DELETE FROM objects WHERE bucket = ? AND key = ?", [bucket, key])
            return
        row = [bucket, key, found.value, json.dumps(dict(found.metadata)), found.etag.strip('"')]
        self._db.execute(
            "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)",
            [*row, found.last_modified.isoformat()],
        )

    def _drop_deleted(self, bucket: str) -> None:
        stored = self._db.execute("SELECT key FROM objects WHERE bucket = ?", [bucket]).fetchall()
        live = backend().buckets[bucket].keys
        gone = [(bucket, key) for (key,) in stored if not isinstance(live.get(key), FakeKey)]
        self._db.executemany("DELETE FROM objects WHERE bucket = ? AND key = ?", gone)

    def restore(self) -> int:
        """Put every stored bucket and object back into moto; returns how many objects."""
        for (bucket,) in self._db.execute("SELECT name FROM buckets"):
            backend().create_bucket(bucket, REGION)
        count = 0
        for bucket, key, body, metadata, etag, modified in self._db.execute("SELECT * FROM objects"):
            restored = backend().put_object(bucket, key, body, etag=etag, disable_notification=True)
            restored.set_metadata(json.loads(metadata))
            restored.last_modified = datetime.fromisoformat(modified)
            count += 1
        return count

    def create(self, bucket: str) -> None:
        """Make a bucket if it is not there."""
        if bucket not in backend().buckets:
            backend().create_bucket(bucket, REGION)
            self.record(bucket, None)


class Durable:
    """WSGI middleware: journals what a write changed before its answer leaves."""

    def __init__(self, app: Callable[..., Iterable[bytes]], journal: Journal) -> None:
        self._app, self._journal = app, journal

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        status = ""

        def start(line: str, *args: Any) -> Any:
            nonlocal status
            status = line
            return start_response(line, *args)

        body = self._app(environ, start)
        if environ["REQUEST_METHOD"] in WRITES and status[:1] == "2":
            self._record(environ)
        return body

    def _record(self, environ: dict[str, Any]) -> None:
        # WSGI hands the path over as latin-1; S3 keys are UTF-8.
        path = environ["PATH_INFO"].encode("latin-1").decode()
        bucket, _, key = path.lstrip("/").partition("/")
        if not bucket:
            return  # another AWS service: all of them take POST /
        query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        if "uploads" not in query and "partNumber" not in query:
            self._journal.record(bucket, key or None)


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--bucket", action="append", default=[], help="made at the start if absent")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    journal = Journal(options.journal)
    restored = journal.restore()
    for bucket in options.bucket:
        journal.create(bucket)
    logging.info("serving S3 on 127.0.0.1:%d, %d objects restored", options.port, restored)
    app = Durable(DomainDispatcherApplication(create_backend_app), journal)
    run_simple("127.0.0.1", options.port, app, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main()
