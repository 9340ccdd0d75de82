"""The problems of a topology, by place, and all of them at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Literal

from store.model.errors import BadInput, Hint
from store.model.nearest import nearest

_MOST_SUGGESTIONS = 20


@dataclass(frozen=True, slots=True, order=True)
class SourcePosition:
    """A place in a file; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem (`error`), or a possible mistake (`warning`)."""

    place: SourcePosition
    severity: Literal["error", "warning"]
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.severity}: {self.message}"

    def document(self) -> dict[str, str | int]:
        """Return the problem as fields."""
        return {
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "severity": self.severity,
            "message": self.message,
        }


class InvalidTopology(BadInput):
    """A topology can't be used; `problems` lists all its problems in order."""

    code = "invalid_topology"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems, key=attrgetter("place"))
        errors = [problem for problem in self.problems if problem.severity == "error"]
        number = f"{len(errors)} errors" if len(errors) > 1 else "1 error"
        files = ", ".join(dict.fromkeys(error.place.file for error in errors))
        super().__init__(f"{number} in {files}")


@dataclass(slots=True)
class Problems:
    """Collects problems, so that a person sees all of them after one run."""

    found: list[Problem] = field(default_factory=list)

    def error(self, place: SourcePosition, message: str) -> None:
        """Note a problem that must be mended."""
        self.found.append(Problem(place, "error", message))

    def warning(self, place: SourcePosition, message: str) -> None:
        """Note a possible mistake."""
        self.found.append(Problem(place, "warning", message))

    def refuse(self, place: SourcePosition, error: BadInput) -> None:
        """Note a refusal of the store's own checks, with its way out in terms of files."""
        hint = error.hint.file if isinstance(error.hint, Hint) else error.hint
        self.error(place, f"{error.message}: {hint}" if hint else error.message)

    @property
    def errors(self) -> bool:
        """Whether any problem must be mended."""
        return any(problem.severity == "error" for problem in self.found)

    def suggestion(self, word: str, known: Iterable[str]) -> str:
        """Return the hint for an unknown word: the nearest known one, if one is near.

        Nothing after so many problems that looking for near words would take long.
        """
        if len(self.found) > _MOST_SUGGESTIONS:
            return ""
        near = nearest(word, known)
        return f": did you mean '{near[0]}'?" if near else ""

    def raise_errors(self) -> None:
        """Raise `InvalidTopology` when there are errors."""
        if self.errors:
            raise InvalidTopology(self.found)
