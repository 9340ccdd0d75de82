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
        "-k", "--key", metavar="KEY", help="Binding key; of a topic exchange with * and #."
    ),
]
Headers = Annotated[
    list[str] | None,
    typer.Option(
        "-H", "--header", metavar="NAME=TEXT",
        help="Header to match; NAME:=JSON is typed, NAME any value; repeatable.",
    ),
]  # fmt: skip
Match = Annotated[
    str,
    typer.Option(
        metavar="|".join(MATCHES), help="Headers to match: all or any; -with-x: also x-…."
    ),
]
