"""The choice of dead letters of a command: `--id` and `--where`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from mq.cli.diagnostics import Diagnostics, SilentProgress
from mq.text.conditions import parse_message_conditions
from store.model.errors import NotFound

if TYPE_CHECKING:
    from store.engine.broker import Broker
    from store.model.messages import Message

Ids = Annotated[
    list[str] | None, typer.Option("--id", metavar="ID", help="Id of a letter; repeatable.")
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="'FIELD OP VALUE'",
        help="Condition, such as 'dead.reason = rejected'; repeatable (and).",
    ),
]


class Choice:
    """A choice of dead letters: by id, if ids were given, and by conditions."""

    def __init__(
        self, store: Broker, ids: Sequence[str] | None, where: Sequence[str] | None
    ) -> None:
        self._ids = {id.lower() for id in ids or ()}
        self._holds = parse_message_conditions(where or [], store.wall())
        self._progress = SilentProgress()

    @contextmanager
    def shown(self, diagnostics: Diagnostics, queue: str) -> Iterator[None]:
        """Show how many dead letters were looked at while this chooses among them."""
        with diagnostics.progress(f"look through {queue}") as self._progress:
            yield

    def __call__(self, letter: Message) -> bool:
        """Return whether a dead letter is among them."""
        self._progress.advance(1)
        return (not self._ids or letter.id in self._ids) and self._holds(letter)

    def check(self, queue: str, found: Collection[str]) -> None:
        """Raise NotFound for an id that none of the dead letters has."""
        missing = sorted(self._ids.difference(found))
        if missing:
            raise NotFound(
                f"no dead letter {missing[0]} can be taken from {queue}",
                hint=f"mq dlq peek {queue} -o ndjson shows the ids, and what is leased",
            )
