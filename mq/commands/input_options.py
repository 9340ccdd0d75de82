"""The options for stored input: by `mq produce` directly, by `mq publish` by routing."""

from __future__ import annotations

from typing import Annotated

import typer

from mq.text.framing import Framing as _Framing
from mq.write.requests import BATCH_BYTES
from store.model.text import describe_size

Values = Annotated[
    list[str] | None,
    typer.Argument(metavar="[VALUE]...", help="A record each (stdin)."),
]
Headers = Annotated[
    list[str] | None,
    typer.Option(
        "-H",
        "--header",
        metavar="NAME=TEXT",
        help="Header of every record; NAME:=JSON is typed, NAME null; repeatable.",
    ),
]
File = Annotated[
    str | None, typer.Option("-f", "--file", metavar="FILE", help="File to read; - is stdin.")
]
KeyDelimiter = Annotated[
    str | None,
    typer.Option(
        "-K",
        "--key-delimiter",
        metavar="DELIM",
        help="First delimiter between key and value (\\t \\xHH).",
    ),
]
KeyFrom = Annotated[
    str | None, typer.Option(metavar="value.PATH", help="Field of the value that is the key.")
]
TimestampFrom = Annotated[
    str | None, typer.Option(metavar="value.PATH", help="Field of the value that is the time.")
]
Tombstone = Annotated[
    bool, typer.Option("--tombstone", help="One record without a value, which deletes its key.")
]
Framing = Annotated[_Framing, typer.Option(help="Division of the input into records.")]
Batch = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="N",
        help=f"Most records per transaction; fewer past {describe_size(BATCH_BYTES)}.",
    ),
]
Delay = Annotated[
    str | None, typer.Option(metavar="DURATION", help="Queue: delay before delivery.")
]
MessageGroup = Annotated[
    str | None,
    typer.Option(
        "--message-group",
        "--group",
        metavar="GROUP",
        help="Queue: message group, kept in order; required for FIFO.",
    ),
]
DedupId = Annotated[
    str | None,
    typer.Option(metavar="ID", help="Queue: deduplication id; a repetition is not stored."),
]
TimeToLive = Annotated[
    str | None,
    typer.Option("--ttl", metavar="DURATION", help="Queue: longest wait of the messages."),
]
Priority = Annotated[
    int | None,
    typer.Option(min=0, metavar="N", help="Queue: priority; higher ones are delivered first."),
]
ProducerName = Annotated[
    str | None,
    typer.Option(
        "--producer",
        metavar="NAME",
        help="Name for a resumable load, which skips stored records.",
    ),
]
