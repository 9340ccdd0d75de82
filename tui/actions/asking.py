"""Asking for what an action needs to know before it can be previewed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.actions.deeds import prepare_publish, prepare_reset
from tui.widgets.dialogs import Field, Form

if TYPE_CHECKING:
    from tui.app import Dashboard


async def ask_publish(dashboard: Dashboard, destination: str) -> None:
    """Ask for destination, key and value, and propose to publish that."""
    fields = (
        Field("destination", destination, "a topic, a queue, or exchange:NAME"),
        Field("key", "", "key, routing key, or message group of a FIFO queue"),
        Field("value", "", "text or JSON"),
    )
    given = await dashboard.push_screen_wait(Form("publish", fields))
    if given is not None:
        prepare = prepare_publish(given["destination"].strip(), given["key"], given["value"])
        dashboard.propose(prepare)


async def ask_reset(dashboard: Dashboard, group: str, topic: str, partition: int | None) -> None:
    """Ask where a group shall go on reading, and propose that."""
    fields = (
        Field("group", group, "a consumer group"),
        Field("partition", "" if partition is None else str(partition), "all"),
        Field("to", "", "earliest, latest, an offset, a time, 15m, -100"),
    )
    given = await dashboard.push_screen_wait(Form(f"reset offsets in {topic}", fields))
    if given is not None:
        number = given["partition"].strip()
        if number not in {"", "all"} and not (number.isascii() and number.isdecimal()):
            dashboard.say(f"not a partition: {number}; leave it empty for all", "warning")
            return
        only = int(number) if number.isdecimal() else None
        word = given["to"].strip() or "committed"
        dashboard.propose(prepare_reset(given["group"].strip(), topic, only, word))
