"""When things happened, and where that is on an execution's time axis."""

from dataclasses import dataclass
from typing import Any

# Bars are drawn in an SVG this wide, stretched to its cell: attributes, so that no inline style is needed.
WIDTH = 1000.0
_NARROWEST = 4.0


@dataclass(frozen=True)
class Span:
    """Times in nanoseconds since the epoch; zero for what has not happened."""

    created: int = 0
    started: int = 0
    ended: int = 0

    def length(self, now: int) -> int:
        """Return for how long it has run."""
        return (self.ended or now) - self.started if self.started else 0


def span_of(closure: Any, *, finished: bool) -> Span:
    """Return the span that the closure of an execution, node or task execution states."""
    created = closure.created_at.ToNanoseconds()
    # One that ended before it ran, a cache hit say, has no start of its own.
    started = closure.started_at.ToNanoseconds() or (created if finished else 0)
    ended = started + closure.duration.ToNanoseconds() if finished else 0
    return Span(created, started, ended)


@dataclass(frozen=True)
class Bar:
    """Where a node waited and where it ran, from 0 to WIDTH."""

    wait_from: float
    wait_width: float
    run_from: float
    run_width: float


class Axis:
    """The time of one execution from left to right."""

    def __init__(self, whole: Span, now: int) -> None:
        self._now = now
        self._begin = whole.created
        self._length = max(1, (whole.ended or now) - whole.created)

    def _at(self, moment: int) -> float:
        return min(WIDTH, max(0.0, (moment - self._begin) / self._length * WIDTH))

    def bar(self, span: Span) -> Bar | None:
        """Return a node's bar, none for one that has not begun."""
        if not span.created:
            return None
        wait = self._at(span.created)
        run = self._at(span.started or self._now)
        end = self._at(span.ended or self._now)
        width = max(_NARROWEST, end - run) if span.started else 0.0
        return Bar(round(wait, 1), round(max(0.0, run - wait), 1), round(min(run, WIDTH - width), 1), round(width, 1))
