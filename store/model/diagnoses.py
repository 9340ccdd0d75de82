"""The doctor's findings as values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from store.model.actions import WayOut
from store.model.shell_texts import as_command


class Severity(StrEnum):
    """How bad it is, worst first. `critical` loses or has lost messages; `ok` is in order."""

    CRITICAL = "critical"
    WARNING = "warning"
    ADVICE = "advice"
    OK = "ok"


ORDER = list(Severity)
STORE = "store"
"""The address of findings about the whole file."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that the doctor found: where, by which numbers, why it matters, what mends it.

    `code` is a stable word for scripts; `fixes` are what can be done, the best first.
    """

    severity: Severity
    code: str
    address: str
    evidence: str
    why: str
    fixes: tuple[WayOut, ...] = ()

    @property
    def do(self) -> tuple[str, ...]:
        """The fixes as commands that can be run as they stand."""
        return tuple(map(as_command, self.fixes))

    @property
    def is_alarm(self) -> bool:
        """Whether it is worth waking a person, or stopping a deployment."""
        return self.severity in {Severity.CRITICAL, Severity.WARNING}


def critical(code: str, address: str, evidence: str, why: str, *fixes: WayOut) -> Diagnosis:
    """Make a finding of lost or stuck messages."""
    return Diagnosis(Severity.CRITICAL, code, address, evidence, why, fixes)


def warning(code: str, address: str, evidence: str, why: str, *fixes: WayOut) -> Diagnosis:
    """Make a finding of trouble to come."""
    return Diagnosis(Severity.WARNING, code, address, evidence, why, fixes)


def advice(code: str, address: str, evidence: str, why: str, *fixes: WayOut) -> Diagnosis:
    """Make a finding of a possible improvement."""
    return Diagnosis(Severity.ADVICE, code, address, evidence, why, fixes)


def in_order(code: str, address: str, evidence: str, why: str) -> Diagnosis:
    """Make a finding of a check that is in order."""
    return Diagnosis(Severity.OK, code, address, evidence, why)


def worst_first(found: Iterable[Diagnosis]) -> list[Diagnosis]:
    """Return the findings in order, the worst first, then by address."""
    # One defect may stop several checks with the same words.
    distinct = dict.fromkeys(found)
    return sorted(distinct, key=lambda one: (ORDER.index(one.severity), one.address, one.code))
