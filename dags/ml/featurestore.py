"""Versions of the features: a table and a record each, and which of them a model has learnt from."""

from datetime import UTC, datetime
from typing import Any

from ml import store


def table_uri(features_uri: str, version: str) -> str:
    """Return where a version's table is, or will be."""
    return f"{features_uri}/housing/{version}.parquet"


def publish(features_uri: str, version: str, candidate_uri: str, record: dict[str, Any]) -> dict[str, Any]:
    """Make a checked table the version's; its record, written last, is what makes it count."""
    uri = table_uri(features_uri, version)
    store.copy(candidate_uri, uri)
    made = {
        **record,
        "version": version,
        "uri": uri,
        "sha256": store.sha256(uri),
        "created": datetime.now(UTC).isoformat(),
    }
    store.write_record(made, uri.removesuffix(".parquet") + ".json")
    return made


def quarantine(features_uri: str, version: str, candidate_uri: str, record: dict[str, Any]) -> str:
    """Keep a refused table and why it was, where no training looks; returns the record's URI."""
    uri = f"{features_uri}/housing/quarantine/{version}.parquet"
    store.copy(candidate_uri, uri)
    store.write_record({**record, "version": version, "uri": uri}, uri.removesuffix(".parquet") + ".json")
    return uri.removesuffix(".parquet") + ".json"


def versions(features_uri: str) -> list[str]:
    """Return the good versions, oldest first."""
    return store.names(f"{features_uri}/housing", ".json")


def record(features_uri: str, version: str) -> dict[str, Any]:
    """Return a version's record; LookupError where there is no such version."""
    found = store.read_record(f"{features_uri}/housing/{version}.json")
    if found is None:
        raise LookupError(f"no features of version {version!r} below {features_uri}")
    return found


def trained_versions(models_uri: str) -> list[str]:
    """Return the versions that the last successful training took in."""
    return (store.read_record(_trained_uri(models_uri)) or {"versions": []})["versions"]


def untrained_versions(features_uri: str, models_uri: str) -> list[str]:
    """Return the good versions that no successful training has taken in, whatever events announced them."""
    done = set(trained_versions(models_uri))
    return [version for version in versions(features_uri) if version not in done]


def mark_trained(models_uri: str, taken: list[str]) -> None:
    """Remember what a training took in."""
    store.write_record({"versions": sorted({*taken, *trained_versions(models_uri)})}, _trained_uri(models_uri))


def _trained_uri(models_uri: str) -> str:
    return f"{models_uri}/housing/trained.json"
