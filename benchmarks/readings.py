"""What one measurement found, and the few statistics over several of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


class Unavailable(Exception):
    """A subject cannot be measured here; the message says what is missing, and the run goes on without it."""


@dataclass(frozen=True)
class Reading:
    """Numbers by metric name (`rows.METRICS` knows their units), and a remark on how they came about."""

    values: Mapping[str, float]
    note: str = ""


@dataclass
class Figures:
    """All readings of one subject in one row; a failed attempt leaves its reason."""

    readings: list[Reading] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def median(self, metric: str) -> float | None:
        """Return the median over the rounds, or None where nothing was measured."""
        found = self.all(metric)
        return percentile(found, 50) if found else None

    def all(self, metric: str) -> list[float]:
        """Return the metric's values, one a round, in order of the rounds."""
        return [reading.values[metric] for reading in self.readings if metric in reading.values]

    def note(self) -> str:
        """Return the last remark."""
        return next((reading.note for reading in reversed(self.readings) if reading.note), "")


def percentile(values: Sequence[float], percent: float) -> float:
    """Return a percentile by linear interpolation between the two nearest ranks."""
    ordered = sorted(values)
    position = (len(ordered) - 1) * percent / 100
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def spread(milliseconds: Sequence[float]) -> dict[str, float]:
    """Return the median and the 99th percentile of times in milliseconds."""
    return {"p50_ms": percentile(milliseconds, 50), "p99_ms": percentile(milliseconds, 99)}
