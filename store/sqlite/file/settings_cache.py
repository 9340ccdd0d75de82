"""What an open store remembers of settings, for as long as nobody changes any.

Every change of a topic, queue, share, reader, exchange or binding raises one number in the file,
whoever makes it: triggers do. So does forgetting a process that held messages. Counters are no
settings, and are never remembered.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from store.sqlite.file.transactions import Snapshot

MOST_REMEMBERED = 65_536

Asked = TypeVarTuple("Asked")
Found = TypeVar("Found")


class Memory:
    """What look-ups found in one generation of the settings."""

    __slots__ = ("answers", "generation")

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.answers: dict[Any, Any] = {}


def remembered(
    look_up: Callable[[Snapshot, *Asked], Found],
) -> Callable[[Snapshot, *Asked], Found]:
    """Make a look-up of settings, which never change in place, answer from memory.

    What it raises is not remembered. A transaction that has changed settings itself looks anew.
    """

    @wraps(look_up)
    def answer(tx: Snapshot, *asked: *Asked) -> Found:
        answers = tx.memory().answers
        place = (look_up, asked)
        try:
            found: Found = answers[place]
        except TypeError:
            # Nothing is remembered of what is no name: the look-up says so.
            return look_up(tx, *asked)
        except KeyError:
            found = look_up(tx, *asked)
            if len(answers) >= MOST_REMEMBERED:
                answers.clear()
            answers[place] = found
        return found

    return answer
