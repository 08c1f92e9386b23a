"""Tables and records by URI: S3 in a stack, files in a test."""

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def read_table(uri: str) -> "pd.DataFrame":
    """Read one Parquet file."""
    import pandas as pd

    return pd.read_parquet(uri)


def write_table(table: "pd.DataFrame", uri: str, storage_options: dict[str, Any] | None = None) -> None:
    """Write one Parquet file; the same table makes the same bytes."""
    _make_parent(uri)
    table.to_parquet(uri, index=False, storage_options=storage_options)


def read_record(uri: str) -> dict[str, Any] | None:
    """Read one JSON record; None where there is none."""
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(uri, use_listings_cache=False)
    try:
        found: dict[str, Any] = json.loads(filesystem.cat_file(path))
    except FileNotFoundError:
        return None
    return found


def write_record(record: dict[str, Any], uri: str) -> None:
    """Write one JSON record."""
    import fsspec

    _make_parent(uri)
    filesystem, path = fsspec.core.url_to_fs(uri)
    filesystem.pipe_file(path, json.dumps(record, indent=2, sort_keys=True, default=str).encode())


def names(folder_uri: str, suffix: str) -> list[str]:
    """Return the names, without suffix, of the files directly in a folder, sorted."""
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(folder_uri, use_listings_cache=False)
    try:
        files = filesystem.ls(path, detail=True)
    except FileNotFoundError:
        return []
    found = [entry["name"].rpartition("/")[2] for entry in files if entry["type"] == "file"]
    return sorted(name.removesuffix(suffix) for name in found if name.endswith(suffix))


def copy(source_uri: str, target_uri: str) -> None:
    """Copy one file."""
    import fsspec

    _make_parent(target_uri)
    with fsspec.open(source_uri, "rb") as source, fsspec.open(target_uri, "wb") as target:
        target.write(source.read())


def sha256(uri: str) -> str:
    """Return a file's digest."""
    import fsspec

    with fsspec.open(uri, "rb") as source:
        return hashlib.sha256(source.read()).hexdigest()


def _make_parent(uri: str) -> None:
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(uri)
    if "file" in filesystem.protocol:
        filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
