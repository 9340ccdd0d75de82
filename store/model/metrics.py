"""Metrics as values, and as OpenMetrics text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Sample:
    """One number, and its labels."""

    labels: Mapping[str, str]
    value: float


@dataclass(slots=True)
class Family:
    """A metric with its samples; a counter's name has no `_total`, its samples' names do."""

    name: str
    type: Literal["gauge", "counter"]
    help: str
    unit: str = ""
    samples: list[Sample] = field(default_factory=list)

    @property
    def sample_name(self) -> str:
        """The name of the samples."""
        return f"{self.name}_total" if self.type == "counter" else self.name

    def add(self, value: float | None, **labels: str) -> None:
        """Add a sample, except for an unknown value."""
        if value is not None:
            self.samples.append(Sample(labels, value))


def to_openmetrics(metrics: Iterable[Family]) -> str:
    """Return the metrics as OpenMetrics text, which Prometheus and its textfile collector read."""
    return "\n".join([*(line for family in metrics for line in _lines(family)), "# EOF\n"])


def _lines(family: Family) -> Iterator[str]:
    yield f"# TYPE {family.name} {family.type}"
    if family.unit:
        yield f"# UNIT {family.name} {family.unit}"
    yield f"# HELP {family.name} {_escaped(family.help)}"
    for sample in family.samples:
        labels = ",".join(f'{name}="{_escaped(text)}"' for name, text in sample.labels.items())
        yield f"{family.sample_name}{f'{{{labels}}}' if labels else ''} {sample.value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
