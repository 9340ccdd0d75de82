"""The doctor's checks of a server: what loses messages, or stops all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from store.model import actions, looks
from store.model.addresses import EXCHANGE_PREFIX
from store.model.diagnoses import (
    STORE,
    Diagnosis,
    advice,
    critical,
    in_order,
    warning,
    worst_first,
)
from store.model.errors import Denied, MqError, Unavailable
from store.model.text import counted, describe_size
from store.rabbitmq.queues import COLUMNS, is_ours, listed_config, type_of

if TYPE_CHECKING:
    from store.rabbitmq.base import Server

_NEARLY = 0.8
# The alarm of the disk is near below so many times the least.
_DISK_ROOM = 2


def findings(server: Server) -> list[Diagnosis]:
    """Return what is wrong or may go wrong, the worst first."""
    if not server._has_management:
        return [_without_management(server._place.name)]
    try:
        entries = [one for one in server._listed("queues", COLUMNS) if is_ours(one)]
    except (Unavailable, Denied) as error:
        return [_without_management(server._place.name, error)]
    exchanges = {one["name"] for one in server._listed("exchanges", "name")}
    return worst_first([*_nodes(server), *_queues(entries, exchanges)])


def _nodes(server: Server) -> Iterator[Diagnosis]:
    """Check memory and disk, which only users with the tag monitoring may see."""
    nodes: list[dict[str, Any]] = []
    with suppress(MqError):
        nodes = server._management.get("nodes", "the list of nodes")
    if not nodes:
        yield in_order(
            "nodes", STORE, "memory and disk are not shown to this user",
            "an alarm of either stops every producer",
        )  # fmt: skip
    for node in nodes:
        yield from _node(node)


def _without_management(place: str, error: MqError | None = None) -> Diagnosis:
    return warning(
        "management", STORE,
        f"{place} has no management API" if error is None else error.message,
        "without it settings can't change, and nothing but the ready messages is known",
    )  # fmt: skip


def _node(node: Mapping[str, Any]) -> Iterator[Diagnosis]:
    name = str(node.get("name", "node"))
    for alarm, what in (("mem_alarm", "memory"), ("disk_free_alarm", "disk")):
        if node.get(alarm):
            yield critical(
                f"{what}-alarm", name, f"the alarm of its {what} is on",
                "the server takes no message from any producer until it ends",
            )  # fmt: skip
    used, limit = node.get("mem_used") or 0, node.get("mem_limit") or 0
    if limit and used > _NEARLY * limit:
        yield warning(
            "memory", name, f"{describe_size(used)} of {describe_size(limit)} are used",
            "at its watermark the server stops every producer",
        )  # fmt: skip
    free, least = node.get("disk_free") or 0, node.get("disk_free_limit") or 0
    if isinstance(free, int) and isinstance(least, int) and 0 < free < _DISK_ROOM * least:
        yield warning(
            "disk", name,
            f"{describe_size(free)} are free, and {describe_size(least)} is the least",
            "below it the server stops every producer",
        )  # fmt: skip


def _queues(entries: Sequence[Mapping[str, Any]], exchanges: set[str]) -> Iterator[Diagnosis]:
    names = {entry["name"] for entry in entries}
    for entry in entries:
        yield from _durability(entry)
        yield from _dead_letters(entry, names, exchanges)
    if not entries:
        yield in_order("queues", STORE, "there is no queue", "so none loses messages")


def _durability(entry: Mapping[str, Any]) -> Iterator[Diagnosis]:
    name = entry["name"]
    if entry.get("durable") is False or entry.get("auto_delete"):
        yield warning(
            "transient", name, "it is deleted with its last reader, or with a restart",
            "its messages go with it", looks.Show("queue", name),
        )  # fmt: skip
    elif type_of(entry) == "classic":
        yield warning(
            "classic", name, "it is a classic queue, on one node alone",
            "it counts no deliveries, and its messages are lost with that node",
            actions.create("queue", f"{name}.quorum"),
        )  # fmt: skip


def _dead_letters(
    entry: Mapping[str, Any], names: set[str], exchanges: set[str]
) -> Iterator[Diagnosis]:
    name, config = entry["name"], listed_config(entry)
    if config.dlq is not None:
        target = config.dlq.removeprefix(EXCHANGE_PREFIX)
        if target not in (names if target == config.dlq else exchanges):
            yield critical(
                "lost-dead-letters", name, f"its DLQ {config.dlq} does not exist",
                "the server drops its dead letters without a word",
                actions.create("queue", target),
            )  # fmt: skip
    if config.drop_exhausted:
        yield advice(
            "drops", name,
            f"after {counted(config.max_deliveries or 0, 'delivery')} a message is dropped",
            "which ones failed can't be seen",
            actions.alter("queue", name, dlq=actions.Blank("QUEUE")),
        )  # fmt: skip
    if config.max_deliveries is None and type_of(entry) == "quorum":
        yield advice(
            "no-limit", name, "it has no limit of deliveries",
            "a message that always fails is delivered for ever",
            actions.alter(
                "queue", name, max_deliveries=actions.Blank("N"), dlq=actions.Blank("QUEUE")
            ),
        )  # fmt: skip
