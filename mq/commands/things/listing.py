"""`mq list`: everything in the store, by kind and name."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mq.cli.context import current_context
from mq.cli.output import Column
from mq.commands import SingleCommand

if TYPE_CHECKING:
    from store.engine.broker import Broker

app = SingleCommand()


class Listed(NamedTuple):
    """A thing in the list."""

    name: str
    kind: str


LISTED: list[Column[Listed]] = [
    Column("name", lambda row: row.name, weight=2),
    Column("kind", lambda row: row.kind),
]


@app.command("list")
def list_things() -> None:
    """List the topics, queues, shares, groups and exchanges of the store.

    The list of one kind says more: mq topic list, or mq list topics.
    """
    context = current_context()
    with context.open_store() as store:
        rows = list(everything(store))
    context.output.listing(LISTED, rows)
    if not rows:
        context.diagnostics.success("there is nothing yet: mq topic create, mq queue create")


def everything(store: "Broker") -> Iterator[Listed]:
    """Yield the things of each kind."""
    kinds: dict[str, Callable[[], Sequence[Any]]] = {
        "topic": store.topics,
        "queue": store.queues,
        "share": store.shares,
        "group": store.groups,
        "exchange": store.exchanges,
    }
    for kind, things in kinds.items():
        yield from (Listed(thing.name, kind) for thing in things())
