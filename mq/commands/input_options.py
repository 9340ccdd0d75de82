"""The options that say what is stored: by `mq produce` directly, by `mq publish` by routing."""

from __future__ import annotations

from typing import Annotated

import typer

from mq.text.framing import Framing as _Framing
from mq.write.loader import BATCH_BYTES
from store.model.text import describe_size

Values = Annotated[
    list[str] | None,
    typer.Argument(metavar="[VALUE]...", help="A record each; without any, stdin is read."),
]
Headers = Annotated[
    list[str] | None,
    typer.Option(
        "-H",
        "--header",
        metavar="NAME=TEXT",
        help="A header of every record; NAME:=JSON is typed, NAME alone is null; repeatable.",
    ),
]
File = Annotated[
    str | None, typer.Option("-f", "--file", metavar="FILE", help="Read this; - is stdin.")
]
KeyDelimiter = Annotated[
    str | None,
    typer.Option(
        "-K",
        "--key-delimiter",
        metavar="DELIM",
        help=r"Split key from value at the first DELIM (\t \xHH); without it, no key.",
    ),
]
KeyFrom = Annotated[
    str | None, typer.Option(metavar="value.PATH", help="The key is this field of the value.")
]
TimestampFrom = Annotated[
    str | None, typer.Option(metavar="value.PATH", help="The time is this field of the value.")
]
Tombstone = Annotated[
    bool, typer.Option("--tombstone", help="One record without a value: its key is deleted.")
]
Framing = Annotated[
    _Framing, typer.Option(help="Where one record of the input ends and the next begins.")
]
Batch = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="N",
        help="How many records one transaction stores, all of them or none; fewer past"
        f" {describe_size(BATCH_BYTES)}, and whenever a pipe has nothing more for now.",
    ),
]
Delay = Annotated[
    str | None, typer.Option(metavar="DURATION", help="Queue: deliver the messages later.")
]
MessageGroup = Annotated[
    str | None,
    typer.Option(
        "--message-group",
        "--group",
        metavar="GROUP",
        help="Queue: the messages of a group stay in order; a FIFO queue needs one.",
    ),
]
DedupId = Annotated[
    str | None,
    typer.Option(
        metavar="ID", help="Queue, FIFO or with --dedup: what is sent again with it is not stored."
    ),
]
TimeToLive = Annotated[
    str | None,
    typer.Option("--ttl", metavar="DURATION", help="Queue: how long the messages may wait."),
]
Priority = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="Queue: higher ones are delivered first.")
]
ProducerName = Annotated[
    str | None,
    typer.Option(
        "--producer",
        metavar="NAME",
        help="Make the load resumable: run again on the same input, it skips what is stored.",
    ),
]
