"""The questions of an action before its preview."""

from __future__ import annotations

from tui.actions.deeds import prepare_publish, prepare_reset
from tui.view import ViewHost
from tui.widgets.dialogs import Form, FormField


async def ask_publish(host: ViewHost, destination: str) -> None:
    """Ask for destination, key and value, and propose to publish that."""
    fields = (
        FormField("destination", destination, "a topic, a queue, or exchange:NAME"),
        FormField("key", "", "key, routing key, or message group of a FIFO queue"),
        FormField("value", "", "text or JSON"),
    )
    given = await host.ask(Form("publish", fields))
    if given is not None:
        prepare = prepare_publish(given["destination"].strip(), given["key"], given["value"])
        host.propose(prepare)


async def ask_reset(host: ViewHost, group: str, topic: str, partition: int | None) -> None:
    """Ask for a group's new position, and propose the reset."""
    fields = (
        FormField("group", group, "a consumer group"),
        FormField("partition", "" if partition is None else str(partition), "all"),
        FormField("to", "", "earliest, latest, an offset, a time, 15m, -100"),
    )
    given = await host.ask(Form(f"reset offsets in {topic}", fields))
    if given is not None:
        number = given["partition"].strip()
        if number not in {"", "all"} and not (number.isascii() and number.isdecimal()):
            host.say(f"not a partition: {number}; leave it empty for all", "warning")
            return
        only = int(number) if number.isdecimal() else None
        word = given["to"].strip() or "committed"
        host.propose(prepare_reset(given["group"].strip(), topic, only, word))
