"""The options that name a binding: to make it and to undo it."""

from __future__ import annotations

from typing import Annotated

import typer

from store.model.exchanges import MATCHES

ExchangeName = Annotated[str, typer.Argument(metavar="EXCHANGE")]
Destination = Annotated[
    str, typer.Argument(metavar="DEST", help="A queue, a topic, or exchange:NAME.")
]
Key = Annotated[
    str,
    typer.Option(
        "-k", "--key", metavar="KEY", help="The binding key; for a topic exchange, * and # match."
    ),
]
Headers = Annotated[
    list[str] | None,
    typer.Option(
        "-H", "--header", metavar="NAME=TEXT",
        help="A header that a headers exchange wants; NAME:=JSON is typed, NAME alone wants it to"
        " be there; repeatable.",
    ),
]  # fmt: skip
Match = Annotated[
    str,
    typer.Option(
        metavar="|".join(MATCHES), help="How many of the headers; -with-x counts x-… too."
    ),
]
