"""YAML read safely: text to a tree of texts, in which every text knows its place.

The tree is built from parse events, so nothing is ever expanded or constructed: anchors, aliases,
merge keys and tags are refused, and size, depth and number of events are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from store.model.text import without_mark
from store.topology.problems import Problems, SourcePosition

if TYPE_CHECKING:
    import yaml

# Refuse early what is no topology, or has all of it in one line. A file with a line for each thing,
# such as an export, may be larger: its cost grows with its size, and nothing is expanded.
LARGEST = 16 << 20
MOST_EVENTS = 1_600_000
_LARGEST_LINE = 1 << 20
_MOST_EVENTS_A_LINE = 100_000
_A_LINE = 1 << 10, 100
_IS_TOPOLOGY = re.compile(
    rb'(?:\s|#[^\n]*\n)*\{?\s*"?'
    rb'(?:version|name|topics|queues|groups|shares|exchanges|bindings)"?\s*:'
)
DEEPEST = 32
_MOST_PROBLEMS = 100
# In YAML a bare # begins a comment and a bare * an alias, where a wildcard of a topic exchange was
# meant. Both make the reader fail somewhere behind them.
_BARE_WILDCARD = re.compile(r"(?:^|(?<=[\s{,]))key:[ \t]+([#*])(?=[\s},.]|$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text; `plain` says that it was written without quotes."""

    place: SourcePosition
    text: str
    plain: bool


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and their values, in order."""

    place: SourcePosition
    entries: dict[str, tuple[Scalar, Node]]


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    place: SourcePosition
    items: list[Node]


Node = Scalar | Mapping | Sequence


def read_document(file: str, content: bytes, problems: Problems) -> Node | None:
    """Return the one document of a YAML file, or `None` after fatal problems."""
    start = SourcePosition(file, 1, 1)
    most_bytes, most_events = limits(content)
    if len(content) > most_bytes:
        problems.error(start, f"the file is larger than {most_bytes / (1 << 20):.3g} MiB")
        return None
    try:
        text = without_mark(content).decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problems.error(SourcePosition(file, line, 1), "the file is not valid UTF-8")
        return None
    return _Reader(file, problems, most_events).read(text)


def limits(content: bytes) -> tuple[int, int]:
    """Return the most bytes and YAML events of a file: more if it has a line for each thing."""
    lines = content.count(b"\n") if _IS_TOPOLOGY.match(content) else 0
    size, events = (lines * each for each in _A_LINE)
    return (
        min(max(size, _LARGEST_LINE), LARGEST),
        min(max(events, _MOST_EVENTS_A_LINE), MOST_EVENTS),
    )


class _Stopped(Exception):
    """The rest of the file can't be read."""


class _Reader:
    """Reads one file. It notes refused parts, and goes on where it can."""

    def __init__(self, file: str, problems: Problems, most_events: int) -> None:
        self._file = file
        self._problems = problems
        self._most_events = most_events
        self._allowed = len(problems.found) + _MOST_PROBLEMS

    def read(self, text: str) -> Node | None:
        import yaml

        before = len(self._problems.found)
        try:
            return self._build(text)
        except yaml.YAMLError as error:
            del self._problems.found[before:]
            mended, count = _BARE_WILDCARD.subn(self._mend, text, _MOST_PROBLEMS)
            if count == _MOST_PROBLEMS:
                return None
            if count:
                return _Reader(self._file, self._problems, self._most_events).read(mended)
            self._problems.error(*self._syntax_error(text, error))
        except _Stopped:
            pass
        except (ValueError, RecursionError, OverflowError, TypeError) as error:
            self._problems.error(
                SourcePosition(self._file, 1, 1), f"the file can't be read: {error}"
            )
        return None

    def _mend(self, found: re.Match[str]) -> str:
        wildcard = found[1]
        what = "begins a comment" if wildcard == "#" else "begins an alias"
        before = found.string[: found.start(1)]
        place = SourcePosition(self._file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        self._problems.error(place, f'a bare {wildcard} {what} in YAML: quote it: "{wildcard}"')
        # Keep the width, so that the places of further problems are right.
        return f"{found[0][:-1]}x"

    def _syntax_error(self, text: str, error: Any) -> tuple[SourcePosition, str]:
        mark = getattr(error, "problem_mark", None)
        if mark is None:
            position = getattr(error, "position", 0)
            line = text.count("\n", 0, position) + 1
            return SourcePosition(
                self._file, line, 1
            ), "the file contains a character that YAML forbids"
        before = "".join(text.splitlines()[mark.line : mark.line + 1])[: mark.column + 1]
        if before.isspace() and "\t" in before:
            return self._place(mark), "not YAML: a tab can't indent, spaces can"
        context = f" {error.context}" if error.context else ""
        return self._place(mark), f"not YAML: {error.problem}{context}"

    def _build(self, text: str) -> Node | None:
        import yaml

        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        events = self._checked(yaml.parse(text, Loader=loader))
        for event in events:
            if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent | yaml.AliasEvent):
                root = self._node(event, events)
                if any(isinstance(rest, yaml.DocumentStartEvent) for rest in events):
                    self._problems.error(root.place, "the file holds more than one YAML document")
                return root
        self._problems.error(
            SourcePosition(self._file, 1, 1), "the file is empty: it needs version: 1"
        )
        return None

    def _checked(self, events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
        """Yield the events, as long as they are few and not nested deeply."""
        import yaml

        depth = 0
        for number, event in enumerate(events, 1):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                self._stop(event, f"nested deeper than {DEEPEST} levels")
            if number > self._most_events:
                self._stop(event, f"more than {self._most_events:,} YAML events")
            if len(self._problems.found) >= self._allowed:
                raise _Stopped
            yield event

    def _stop(self, event: yaml.Event, why: str) -> None:
        self._problems.error(self._place(event.start_mark), why)
        raise _Stopped

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event]) -> Node:
        import yaml

        place = self._place(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            self._problems.error(
                place, f'aliases are not allowed: if this is text, quote it: "*{event.anchor}"'
            )
            return Scalar(place, f"*{event.anchor}", plain=False)
        self._refuse_extras(event, place)
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(place, event.value, plain=not event.style)
        if isinstance(event, yaml.SequenceStartEvent):
            return Sequence(place, [self._node(item, events) for item in _until_end(events)])
        return Mapping(place, self._entries(events))

    def _refuse_extras(self, event: Any, place: SourcePosition) -> None:
        if event.anchor:
            self._problems.error(place, f"anchors are not allowed: &{event.anchor}")
        if event.tag:
            self._problems.error(place, f"tags are not allowed: {event.tag}")

    def _entries(self, events: Iterator[yaml.Event]) -> dict[str, tuple[Scalar, Node]]:
        entries: dict[str, tuple[Scalar, Node]] = {}
        for event in _until_end(events):
            key = self._node(event, events)
            value = self._node(next(events), events)
            if not isinstance(key, Scalar):
                self._problems.error(key.place, "a key must be text")
            elif key.text == "<<" and key.plain:
                self._problems.error(key.place, "merge keys are not allowed")
            elif key.text in entries:
                first = entries[key.text][0].place.line
                self._problems.error(key.place, f"'{key.text}' stands twice; first in line {first}")
            else:
                entries[key.text] = key, value
        return entries

    def _place(self, mark: Any) -> SourcePosition:
        return SourcePosition(self._file, mark.line + 1, mark.column + 1)


def _until_end(events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    """Yield the events up to the end of the present collection."""
    import yaml

    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            return
        yield event
