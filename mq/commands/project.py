"""`mq project`: keep a plain table up to date with a topic of JSON objects."""

import signal
from typing import Annotated

import typer

from mq.cli.context import current_context
from mq.cli.interrupts import STOPS, Interrupts
from mq.cli.reporting import report_document
from mq.commands import SingleCommand
from store import Store
from store.model.addresses import Address, parse_address
from store.model.text import counted

app = SingleCommand()

_LONGEST_WAIT = 60.0


@app.command()
def project(
    topic: Annotated[str, typer.Argument(metavar="TOPIC")],
    table: Annotated[str, typer.Argument(metavar="TABLE", help="A table of this projection only.")],
    primary_key: Annotated[
        str,
        typer.Option("--pk", metavar="FIELD", help="Field that is the primary key."),
    ],
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Table filled anew from the oldest record."),
    ] = False,
    skip: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOPIC/P@OFFSET",
            help="Record to skip, damaged or no JSON object; repeatable.",
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Wait for new records.")] = False,
) -> None:
    """Bring a plain SQL table in the store's file up to the end of a topic.

    Each record is a JSON object: it replaces the row of its primary key, a field a column; a
    tombstone deletes the row of its key. Rows and offset are stored together, so that every record
    counts exactly once, whenever this is run again. While a table is rebuilt the old one stays.
    """
    context = current_context()
    signals = [signal.SIGINT, *STOPS] if follow else [signal.SIGINT]
    with context.open_file(feature="PROJECTIONS") as store, Interrupts(*signals) as interrupts:
        passing = [parse_address(address) for address in skip or ()]
        projecting = _Projecting(store, topic, table, primary_key, passing)
        try:
            projecting.catch_up(rebuild=rebuild)
            if follow:
                projecting.follow()
        except KeyboardInterrupt:
            if not interrupts.is_stop:
                raise
    report_document(
        context,
        {"table": table, "topic": topic, "records": projecting.taken},
        f"table {table}: {counted(projecting.taken, 'record')} of {topic} taken in",
    )


class _Projecting:
    """Brings one table up to date; `taken` counts the records."""

    def __init__(
        self, store: Store, topic: str, table: str, primary_key: str, passing: list[Address]
    ) -> None:
        self.taken = 0
        self._store = store
        self._topic = topic
        self._table = table
        self._primary_key = primary_key
        self._passing = passing

    def catch_up(self, *, rebuild: bool = False) -> int:
        """Take in the present records; return how many."""
        taken = self._store.project(
            self._topic, self._table, self._primary_key, rebuild=rebuild, passing=self._passing
        )
        self.taken += taken
        return taken

    def follow(self) -> None:
        """Take in new records, until a signal."""
        while True:
            since = self._store.changed()
            if not self.catch_up():
                self._store.wait(since, _LONGEST_WAIT)
