"""What the doctor says about one thing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from shlex import quote


class Severity(StrEnum):
    """How bad it is, worst first. `critical` loses or has lost messages; `ok` is in order."""

    CRITICAL = "critical"
    WARNING = "warning"
    ADVICE = "advice"
    OK = "ok"


ORDER = list(Severity)
STORE = "store"
"""The address of what concerns the whole file."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that the doctor found: where, by which numbers, why it matters, what mends it.

    `code` is a stable word for scripts; `do` are commands, the best first.
    """

    severity: Severity
    code: str
    address: str
    evidence: str
    why: str
    do: tuple[str, ...] = ()

    @property
    def is_alarm(self) -> bool:
        """Whether somebody should be woken, or at least should not deploy."""
        return self.severity in {Severity.CRITICAL, Severity.WARNING}


def critical(code: str, address: str, evidence: str, why: str, *do: str) -> Diagnosis:
    """Messages are lost, stuck or about to go."""
    return Diagnosis(Severity.CRITICAL, code, address, evidence, why, do)


def warning(code: str, address: str, evidence: str, why: str, *do: str) -> Diagnosis:
    """It goes well until something happens."""
    return Diagnosis(Severity.WARNING, code, address, evidence, why, do)


def advice(code: str, address: str, evidence: str, why: str, *do: str) -> Diagnosis:
    """It could be better."""
    return Diagnosis(Severity.ADVICE, code, address, evidence, why, do)


def in_order(code: str, address: str, evidence: str, why: str) -> Diagnosis:
    """It was looked at, and is as it should be."""
    return Diagnosis(Severity.OK, code, address, evidence, why)


def command(*words: str) -> str:
    """A command line of mq that can be run as it stands."""
    return " ".join(["mq", *(quote(word) for word in words)])
