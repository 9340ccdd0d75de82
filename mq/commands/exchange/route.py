"""`mq route`: the destinations of a message, and why not others."""

import os
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import typer

from mq.cli.context import current_context
from mq.cli.output import Column
from mq.commands import SingleCommand
from mq.commands.exchange.columns import arrow, binding_document
from mq.text.headers import parse_headers
from store.model.exchanges import Binding, Route, RouteExplanation

app = SingleCommand()


class Way(NamedTuple):
    """A destination with the bindings on the way to it, or a binding that did not match."""

    destination: str
    kind: str
    via: Sequence[Binding]
    why_not: str | None = None


ROUTES: list[Column[Way]] = [
    Column("destination", lambda way: way.destination, weight=2),
    Column("kind", lambda way: way.kind),
    Column(
        "via",
        lambda way: [binding_document(binding) for binding in way.via],
        text=lambda way: ", ".join(map(arrow, way.via)),
    ),
]
EXPLAINED: list[Column[Way]] = [
    *ROUTES,
    Column("matched", lambda way: way.why_not is None),
    Column("why_not", lambda way: way.why_not, text=lambda way: way.why_not or "-"),
]


@app.command()
def route(
    exchange: Annotated[str, typer.Argument(metavar="EXCHANGE")],
    key: Annotated[str, typer.Option("-k", "--key", metavar="KEY", help="The routing key.")] = "",
    header: Annotated[
        list[str] | None,
        typer.Option(
            "-H", "--header", metavar="NAME=TEXT",
            help="Header of the message; NAME:=JSON is typed, NAME null; repeatable.",
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also bindings that do not match, and why.")
    ] = False,
) -> None:  # fmt: skip
    """Show which queues and topics a message would reach, and by which bindings. Stores nothing.

    A row is a destination. With --explain, `matched` is false in rows for bindings that do not take
    the message, and `why_not` names the difference.
    """
    context = current_context()
    headers = parse_headers(header or [])
    with context.open_store() as store:
        if explain:
            found = store.explain_route(exchange, os.fsencode(key), headers)
            context.output.listing(EXPLAINED, [*map(_reached, found.routes), *_missed(found)])
        else:
            routes = store.route(exchange, os.fsencode(key), headers)
            context.output.listing(ROUTES, [*map(_reached, routes)])


def _reached(route: Route) -> Way:
    return Way(route.destination, route.kind, route.via)


def _missed(found: RouteExplanation) -> list[Way]:
    return [
        Way(missed.binding.destination, missed.binding.kind, [missed.binding], missed.why)
        for missed in found.unmatched
    ]
