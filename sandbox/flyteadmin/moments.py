"""Time as the store keeps it, nanoseconds since the epoch, and as flyteidl does."""

import time

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp


def now() -> int:
    """Return the present in nanoseconds since the epoch."""
    return time.time_ns()


def timestamp(nanoseconds: int) -> Timestamp:
    """Return a protobuf timestamp."""
    made = Timestamp()
    made.FromNanoseconds(nanoseconds)
    return made


def duration(nanoseconds: int) -> Duration:
    """Return a protobuf duration."""
    made = Duration()
    made.FromNanoseconds(nanoseconds)
    return made
