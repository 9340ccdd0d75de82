"""The groups that mq has read: the server lists no names of readers, so each is noted as a binding.

A binding of the exchange `mq.groups` leads by the group's name to the first stream of a topic, and
goes with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress

from store.model.errors import Denied, NotFound
from store.rabbitmq.connection import Connection
from store.rabbitmq.management import Management
from store.rabbitmq.routes import GROUPS
from store.rabbitmq.super_streams import stream_name


def note(connection: Connection, group: str, topics: Iterable[str]) -> None:
    """Note a group and its topics; a user without the permission reads a group that is not."""
    with suppress(Denied), connection.channel("groups", f"exchange {GROUPS}") as channel:
        channel.exchange_declare(GROUPS, "direct", durable=True, auto_delete=False)
        for topic in topics:
            channel.queue_bind(stream_name(topic, 0), GROUPS, group)


def noted(management: Management) -> dict[str, list[str]]:
    """Return the topics of each group that was noted, by name."""
    try:
        entries = management.get(
            f"exchanges/{{vhost}}/{GROUPS}/bindings/source", f"exchange {GROUPS}"
        )
    except NotFound:
        return {}
    groups: dict[str, list[str]] = defaultdict(list)
    for entry in sorted(entries, key=lambda one: (one["routing_key"], one["destination"])):
        groups[entry["routing_key"]].append(entry["destination"].rpartition("-")[0])
    return dict(groups)
