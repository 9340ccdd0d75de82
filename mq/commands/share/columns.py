"""A share in listings: as a row, as a document and for people."""

from __future__ import annotations

from typing import Any

from mq.cli.context import Context
from mq.cli.output import Column, row_document
from mq.commands.queue.columns import config_document
from mq.text.times import time_column, time_text
from store.model.settings import shown_settings
from store.model.shares import InFlight, SharePartition, ShareStatus
from store.model.text import (
    describe_ago,
    describe_count,
    describe_duration,
    format_time,
    if_known,
)


def total(share: ShareStatus, count: str) -> int | None:
    """Return a count of all partitions together, `None` where the engine does not tell it."""
    if not share.partitions:
        return None
    counts: list[int] = [getattr(partition, count) for partition in share.partitions]
    return sum(counts)


def _total_column(name: str) -> Column[ShareStatus]:
    return Column(
        name,
        lambda share: total(share, name),
        text=lambda share: if_known(total(share, name), describe_count),
        right=True,
    )


SHARES: list[Column[ShareStatus]] = [
    Column("name", lambda share: share.name, weight=2),
    Column("topic", lambda share: share.topic),
    *(_total_column(name) for name in ("lag", "leased", "delayed", "ready")),
    Column("dlq", lambda share: share.config.dlq),
]

PARTITIONS: list[Column[SharePartition]] = [
    Column("partition", lambda place: place.partition, right=True),
    Column("start", lambda place: place.start, right=True),
    Column("next", lambda place: place.next, right=True),
    Column("end", lambda place: place.end, right=True),
    Column("leased", lambda place: place.leased, right=True),
    Column("delayed", lambda place: place.delayed, right=True),
    Column("ready", lambda place: place.ready, right=True),
    Column("finished", lambda place: place.finished, right=True),
    Column("lag", lambda place: place.lag, text=lambda place: f"{place.lag:,}", right=True),
    Column("full", lambda place: place.full, text=lambda place: "full" if place.full else ""),
    Column("pinned_since", lambda place: time_text(place.pinned_since)),
]

IN_FLIGHT: list[Column[InFlight]] = [
    Column("address", lambda one: one.address, weight=2),
    Column("state", lambda one: one.state, weight=0),
    Column("deliveries", lambda one: one.deliveries, right=True),
    Column("holder", lambda one: one.holder),
    Column("expires", lambda one: time_text(one.expires)),
    Column(
        "seconds_left",
        lambda one: one.seconds_left,
        text=lambda one: "-" if one.seconds_left is None else describe_duration(one.seconds_left),
        header="LEFT",
        right=True,
    ),
    Column("since", lambda one: time_text(one.since)),
    Column("error", lambda one: one.error),
    Column("receipt", lambda one: one.receipt),
]


def _in_flight_table(now: int) -> list[Column[InFlight]]:
    """Return the columns of records in flight for people."""
    shown = [column for column in IN_FLIGHT if column.name not in {"expires", "receipt"}]
    return [
        time_column("since", lambda one: one.since, now) if column.name == "since" else column
        for column in shown
    ]


def share_document(share: ShareStatus, in_flight: list[InFlight] | None = None) -> dict[str, Any]:
    """Return a share as JSON; with its records in flight if they are given."""
    document = {
        "name": share.name,
        "kind": "share",
        "topic": share.topic,
        "lag": total(share, "lag"),
        "leased": total(share, "leased"),
        "delayed": total(share, "delayed"),
        "ready": total(share, "ready"),
        "config": config_document(share.config),
        "partitions": [row_document(PARTITIONS, place) for place in share.partitions],
        "created": time_text(share.created),
    }
    if in_flight is not None:
        document["in_flight"] = [row_document(IN_FLIGHT, one) for one in in_flight]
    return document


def show_share(
    context: Context, share: ShareStatus, in_flight: list[InFlight] | None, now: int
) -> None:
    """Write a share for people: the pinning record of each window, and the holders."""
    fields = {
        "share": share.name,
        "topic": share.topic,
        "created": if_known(share.created, format_time),
    }
    fields |= {name.replace("_", " "): text for name, text in shown_settings(share.config).items()}
    fields["lag"] = if_known(total(share, "lag"), describe_count)
    fields |= {
        f"window of /{place.partition}": _window(share, place, now)
        for place in share.partitions
        if place.pinned_since is not None
    }
    context.output.document(fields)
    context.output.text("")
    if share.partitions:
        context.output.listing(PARTITIONS[:-1], share.partitions)
    if in_flight:
        context.output.text("")
        context.output.listing(_in_flight_table(now), in_flight)
    context.output.text("")


def _window(share: ShareStatus, place: SharePartition, now: int) -> str:
    full = ", full: nothing new is handed out until that is finished" if place.full else ""
    since = describe_ago(place.pinned_since or 0, now)
    return (
        f"{place.next - place.start:,} of {share.config.max_in_flight:,} offsets, pinned by"
        f" {share.topic}/{place.partition}@{place.start}, handed out first {since}{full}"
    )
