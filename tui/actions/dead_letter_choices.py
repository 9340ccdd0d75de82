"""Dead letters that are alike, and the conditions of a command that choose exactly them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from store import Message
from store.engine.dead_letters import DeadLetters
from store.model.letter_groups import normalise_error
from store.model.looks import RedriveLetters
from store.model.stalls import LetterRow

_VARIABLE = re.compile("'…'|…")


@dataclass(frozen=True, slots=True)
class Alike:
    """The common properties of a group's letters: their DLQ, source, reason and kind of error."""

    queue: str
    source: str
    reason: str
    error: str | None

    @classmethod
    def of(cls, group: LetterRow) -> Alike:
        """Return the common properties of a group."""
        return cls(group.queue, group.source, group.reason, group.error)

    def holds(self, letter: Message) -> bool:
        """Return whether a dead letter of this queue belongs to the group."""
        dead = letter.dead
        if dead is None or (dead.source_name, dead.reason) != (self.source, self.reason):
            return False
        return self.error == (None if dead.error is None else normalise_error(dead.error))


def dead_letters_alike(
    store: DeadLetters, groups: Collection[Alike], limit: int | None
) -> list[Message]:
    """Return the letters of groups that lie in one queue, oldest first."""
    queue = next(iter(groups)).queue
    return store.dead_letters(queue, lambda one: any(g.holds(one) for g in groups), limit)


def conditions(wanted: Alike, present: Iterable[LetterRow]) -> list[str] | None:
    """Return the fewest conditions that tell a group from the others in its queue.

    `None` when no conditions of the command line do: kinds of errors whose patterns overlap.
    """
    others = [Alike.of(group) for group in present if group.queue == wanted.queue]
    left = [other for other in others if other != wanted]
    found = []
    for field, name in (("source", "dead.source"), ("reason", "dead.reason")):
        if any(getattr(other, field) != getattr(wanted, field) for other in left):
            found.append(f"{name} = {getattr(wanted, field)}")
            left = [other for other in left if getattr(other, field) == getattr(wanted, field)]
    if not left:
        return found
    condition = _error_condition(wanted.error, [other.error for other in left])
    return None if condition is None else [*found, condition]


def _error_condition(wanted: str | None, others: Iterable[str | None]) -> str | None:
    known = [other for other in others if other is not None]
    if wanted is None:
        return None if "null" in known else "dead.error = null"
    pattern = error_pattern(wanted)
    # A pattern's gaps match any text there, the gap of another pattern included.
    if any(re.search(pattern, other) for other in known):
        return None
    return f"dead.error ~ {pattern}"


def error_pattern(error: str) -> str:
    """Return a regular expression for all errors that normalise to this one.

    The text in a gap is never tried anew, so that no error takes long, with any gaps.
    """
    first, *others = (re.escape(part).replace(r"\ ", r"\s+") for part in _VARIABLE.split(error))
    return f"(?s)^{first}" + "".join(f"(?>.*?{part})" for part in others if part)


def redrive_step(
    chosen: Collection[Alike], present: Iterable[LetterRow], ids: Iterable[str] = ()
) -> RedriveLetters | None:
    """Name the redrive of groups of one queue: all that it holds, by conditions, or by ids.

    `None` when it takes ids and none are given.
    """
    queue, known = next(iter(chosen)).queue, list(present)
    if {Alike.of(group) for group in known if group.queue == queue} <= set(chosen):
        return RedriveLetters(queue)
    # Conditions must all hold, so several groups have none in common.
    found = conditions(next(iter(chosen)), known) if len(chosen) == 1 else None
    if found is not None:
        return RedriveLetters(queue, tuple(found))
    return by_ids(queue, ids)


def by_ids(queue: str, ids: Iterable[str]) -> RedriveLetters | None:
    """Name the redrive of the letters with these ids; `None` without any."""
    every = tuple(ids)
    return RedriveLetters(queue, ids=every) if every else None
