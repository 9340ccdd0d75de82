"""The arguments of a queue or a stream, converted one by one, and those that are lost."""

from __future__ import annotations

import re
from typing import Any

from store.model.text import format_duration, format_size
from store.topology.rabbitmq_definitions.definitions import Losses

# RabbitMQ keeps messages until they are consumed; this is as long as a queue here can.
FOR_EVER = "3650d"
MOST_LEVELS = 256
DEFAULT_DELIVERY_LIMIT = 20
# One more still has 15 digits, which is as many as a setting can have.
_LARGEST = 10**15 - 2
_LONGEST = 3650 * 86_400_000
_AGE = re.compile(r"([0-9]{1,9})(Y|M|D|h|m|s)")
_AGE_UNITS = {
    "Y": 365 * 86_400_000, "M": 30 * 86_400_000, "D": 86_400_000, "h": 3_600_000, "m": 60_000,
    "s": 1000,
}  # fmt: skip
_OVERFLOWS = {
    "drop-head": "drop-head", "reject-publish": "reject", "reject-publish-dlx": "dead-letter",
}  # fmt: skip
_NOTHING_LIKE_IT = {
    "x-expires": "unused queues stay; delete them with mq queue delete",
    "x-queue-mode": "every message is in the file, whatever the mode",
    "x-queue-version": "there is one way to store a queue",
    "x-max-in-memory-length": "memory is not where messages are kept",
    "x-max-in-memory-bytes": "memory is not where messages are kept",
    "x-quorum-initial-group-size": "there are no replicas; mq backup makes copies",
    "x-quorum-target-group-size": "there are no replicas; mq backup makes copies",
    "x-initial-cluster-size": "there are no replicas; mq backup makes copies",
    "x-queue-leader-locator": "there is no cluster",
    "x-queue-master-locator": "there is no cluster",
    "x-ha-mode": "there are no mirrors; mq backup makes copies",
    "x-ha-params": "there are no mirrors; mq backup makes copies",
    "x-ha-sync-mode": "there are no mirrors; mq backup makes copies",
    "x-ha-promote-on-shutdown": "there are no mirrors; mq backup makes copies",
    "x-ha-promote-on-failure": "there are no mirrors; mq backup makes copies",
    "x-dead-letter-strategy": "dead-lettering is one transaction, so nothing is lost on the way",
    "x-consumer-timeout": "what a consumer may take is the lease; set it: mq queue alter --lease",
    "x-stream-max-segment-size-bytes": "a topic has no segments",
    "x-stream-filter-size-bytes": "a topic has no filters; mq consume --where chooses",
    "x-federation-upstream": "there is no federation; mq pipe or mq work moves messages",
    "x-federation-upstream-set": "there is no federation; mq pipe or mq work moves messages",
}


class Arguments:
    """The arguments of one queue, stream or exchange; those not taken are losses."""

    def __init__(self, subject: str, given: dict[str, Any], losses: Losses) -> None:
        self._subject = subject
        self._rest = dict(given)
        self._losses = losses

    def lose(self, reason: str) -> None:
        """Note something that does not carry over."""
        self._losses.add(self._subject, reason)

    def number(self, name: str) -> int | None:
        """Return a whole number that is not negative; anything else is lost."""
        value = self._rest.pop(name, None)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return min(value, _LARGEST)
        if value != -1:
            self.lose(f"{name} {value!r} is not a number that can be used")
        return None

    def is_off(self, name: str) -> bool:
        """Return whether a limit is switched off."""
        return self._rest.get(name) == -1

    def text(self, name: str) -> str | None:
        """Return a text; anything else is lost."""
        value = self._rest.pop(name, None)
        if value is None or isinstance(value, str):
            return value
        self.lose(f"{name} {value!r} is not text")
        return None

    def flag(self, name: str) -> bool:
        """Return a flag; a value that is neither true nor false is lost."""
        value = self._rest.pop(name, False)
        if not isinstance(value, bool):
            self.lose(f"{name} {value!r} is neither true nor false")
        return value is True

    def lose_rest(self) -> None:
        """Note all arguments that were not taken."""
        for name, value in self._rest.items():
            reason = _NOTHING_LIKE_IT.get(name, "there is nothing like it here")
            self.lose(f"{name} {value!r}: {reason}")


def queue_settings(arguments: Arguments, *, quorum: bool, limited: bool) -> dict[str, str]:
    """Return the settings of a classic or quorum queue, without its dead-letter target.

    `limited` says that quorum queues without a delivery limit have one of 20 (RabbitMQ 4).
    """
    settings = {"retention": FOR_EVER}
    if (ttl := arguments.number("x-message-ttl")) is not None:
        settings["ttl"] = format_duration(min(ttl, _LONGEST))
    if (length := arguments.number("x-max-length")) is not None:
        settings["max_length"] = str(length)
    if (size := arguments.number("x-max-length-bytes")) is not None:
        settings["max_bytes"] = format_size(size)
    if arguments.flag("x-single-active-consumer"):
        settings["single_active"] = "true"
    settings |= _priorities(arguments, quorum)
    settings |= _overflow(arguments)
    settings |= _delivery_limit(arguments, quorum, limited)
    return settings


def _priorities(arguments: Arguments, quorum: bool) -> dict[str, str]:
    highest = arguments.number("x-max-priority")
    if highest is None:
        return {}
    if quorum:
        arguments.lose(f"x-max-priority {highest} has no effect on a quorum queue")
        return {}
    if highest >= MOST_LEVELS:
        arguments.lose(f"x-max-priority {highest} is more than {MOST_LEVELS - 1}, which is taken")
    return {"priorities": str(min(highest + 1, MOST_LEVELS))}


def _overflow(arguments: Arguments) -> dict[str, str]:
    given = arguments.text("x-overflow")
    if given is None or given == "drop-head":
        return {}
    if given not in _OVERFLOWS:
        arguments.lose(f"x-overflow {given!r} is not known; drop-head is taken")
        return {}
    return {"overflow": _OVERFLOWS[given]}


def _delivery_limit(arguments: Arguments, quorum: bool, limited: bool) -> dict[str, str]:
    unlimited = arguments.is_off("x-delivery-limit")
    limit = arguments.number("x-delivery-limit")
    if limit is not None and not quorum:
        arguments.lose(f"x-delivery-limit {limit} has no effect on a classic queue")
        return {}
    if limit is None and quorum and limited and not unlimited:
        limit = DEFAULT_DELIVERY_LIMIT
    # A limit of L allows L + 1 deliveries.
    return {} if limit is None else {"max_deliveries": str(limit + 1)}


def topic_settings(arguments: Arguments) -> dict[str, str]:
    """Return the settings of a topic that stands for a stream."""
    settings = {"retention": "forever"}
    age = arguments.text("x-max-age")
    if age is not None:
        found = _AGE.fullmatch(age)
        if found and (duration := int(found[1]) * _AGE_UNITS[found[2]]):
            settings["retention"] = format_duration(min(duration, _LONGEST))
        else:
            arguments.lose(f"x-max-age {age!r} can't be read, so records stay for ever")
    if size := arguments.number("x-max-length-bytes"):
        settings["retention_bytes"] = format_size(size)
    return settings
