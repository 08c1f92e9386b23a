"""How phases, times, durations and sizes read."""

import re
from datetime import UTC, datetime

from flyteidl.core.catalog_pb2 import CatalogCacheStatus

# What a phase's colour says; the word always stands beside it.
_TONES = {
    "SUCCEEDED": "good",
    "RECOVERED": "good",
    "FAILED": "bad",
    "FAILING": "bad",
    "TIMED_OUT": "bad",
    "ABORTED": "warn",
    "ABORTING": "warn",
    "RETRYABLE_FAILED": "warn",
    "RUNNING": "busy",
    "INITIALIZING": "busy",
    "SUCCEEDING": "busy",
    "DYNAMIC_RUNNING": "busy",
}
_CACHE = {
    CatalogCacheStatus.CACHE_HIT: "hit",
    CatalogCacheStatus.CACHE_MISS: "miss",
    CatalogCacheStatus.CACHE_POPULATED: "stored",
    CatalogCacheStatus.CACHE_SKIPPED: "skipped",
    CatalogCacheStatus.CACHE_LOOKUP_FAILURE: "lookup failed",
    CatalogCacheStatus.CACHE_PUT_FAILURE: "store failed",
    CatalogCacheStatus.CACHE_EVICTED: "evicted",
}
_MAP_TASK = re.compile(r"map_(.+)_[0-9a-f]{32}-arraynode$")
_LONGEST_GIST = 300
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def tone(phase: str) -> str:
    """Return the colour class of a phase."""
    return _TONES.get(phase, "idle")


def words(phase: str) -> str:
    """Return a phase as a word: `TIMED_OUT` is "Timed out"."""
    return phase.replace("_", " ").capitalize()


def cache(status: int) -> str:
    """Return what the cache had, empty for a task that is not cached."""
    return _CACHE.get(status, "")


def moment(nanoseconds: int) -> str:
    """Return a time in UTC to the second, empty for none."""
    if not nanoseconds:
        return ""
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def duration(nanoseconds: int) -> str:
    """Return a duration in its two largest units; milliseconds under a second, tenths under a minute."""
    seconds = max(0, nanoseconds) / 1e9
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    left, parts = round(seconds), list[str]()
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def size(count: int) -> str:
    """Return a number of bytes."""
    value = float(count)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def short(name: str) -> str:
    """Return the last part of a dotted name; for flytekit's map tasks that of the task that is mapped."""
    last = name.rpartition(".")[2] or name
    mapped = _MAP_TASK.match(last)
    return mapped[1] if mapped else last


def gist(message: str) -> str:
    """Return the last line of an error, where Python says what went wrong."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[-1][:_LONGEST_GIST] if lines else ""
