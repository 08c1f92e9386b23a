"""What a measurement returns."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Goal:
    """A measured figure and the most it may be; `unit` is "×" for a ratio taken inside one run."""

    what: str
    measured: float
    most: float
    unit: str = "×"

    @property
    def met(self) -> bool:
        """True where the figure is no more than it may be."""
        return self.measured <= self.most

    def as_json(self) -> dict[str, Any]:
        """Return it as latest.json holds it."""
        return {
            "what": self.what,
            "measured": rounded(self.measured),
            "most": rounded(self.most),
            "unit": self.unit,
            "met": self.met,
        }


@dataclass(frozen=True, kw_only=True)
class Result:
    """One measurement: what was measured, by name with the unit at its end, and how it compares to the goals."""

    name: str
    values: dict[str, Any]
    goals: tuple[Goal, ...]
    error: str = ""

    @property
    def met(self) -> bool:
        """True where the measurement was made and every goal is met."""
        return not self.error and all(goal.met for goal in self.goals)

    def as_json(self) -> dict[str, Any]:
        """Return it as latest.json holds it."""
        return {
            "name": self.name,
            "met": self.met,
            "goals": [goal.as_json() for goal in self.goals],
            "values": {name: rounded(value) for name, value in self.values.items()},
            **({"error": self.error} if self.error else {}),
        }


def rounded(value: Any) -> Any:
    """Return numbers with no more digits than they are worth."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, list):
        return [rounded(one) for one in value]
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    return value


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    rank = -(-len(ordered) * share // 1)  # ceil, as in the nearest-rank method
    return ordered[max(int(rank), 1) - 1]


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return float(statistics.median(values))
