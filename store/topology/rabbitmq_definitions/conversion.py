"""Definitions of RabbitMQ to a topology, with everything that does not carry over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from store.model.addresses import EXCHANGE_PREFIX
from store.model.errors import BadInput
from store.model.exchanges import EXCHANGE_TYPES, MATCHES
from store.model.topics import HeaderValue
from store.topology.kinds import KINDS, Settings, binding_name, headers_text
from store.topology.model import Resource, Topology
from store.topology.rabbitmq_definitions.arguments import Arguments, queue_settings, topic_settings
from store.topology.rabbitmq_definitions.definitions import (
    Definitions,
    Losses,
    Untranslated,
    read_definitions,
)
from store.topology.rabbitmq_definitions.naming import Names
from store.topology.rabbitmq_definitions.policies import Policies
from store.topology.rabbitmq_definitions.surroundings import note_surroundings
from store.topology.rabbitmq_definitions.targets import Targets

# Built into RabbitMQ, so never in a file, but bindings can name them.
_BUILT_IN = {
    "amq.direct": "direct", "amq.fanout": "fanout", "amq.topic": "topic",
    "amq.headers": "headers", "amq.match": "headers", "amq.rabbitmq.trace": "topic",
}  # fmt: skip


def convert(content: bytes, vhost: str | None = None) -> tuple[Topology, list[Untranslated]]:
    """Return the topology of a definitions file, and everything that does not carry over.

    Raises `BadInput` for another file, and where it has several virtual hosts and none is chosen.
    """
    definitions = read_definitions(content, vhost)
    converter = _Converter(definitions)
    topology = Topology(converter.things())
    note_surroundings(definitions, converter.losses)
    return topology, converter.losses.found


class _Converter:
    """Converts one virtual host."""

    def __init__(self, definitions: Definitions) -> None:
        self.losses = Losses()
        self._definitions = definitions
        self._policies = Policies(definitions, self.losses)
        self._queues = Names("queue", self.losses)
        self._exchanges = Names("exchange", self.losses)
        self._types: dict[str, str] = {}
        self._possible_dlqs: dict[str, str] = {}

    def things(self) -> Iterator[Resource]:
        exchanges = list(self._take_exchanges())
        queues = list(self._definitions.named("queues"))
        for queue in queues:
            name = self._queues.take(queue["name"])
            if _type_of(queue) != "stream":
                self._possible_dlqs[queue["name"]] = name
        bindings = list(self._bindings())
        targets = Targets(bindings, set(self._possible_dlqs.values()))
        for queue in queues:
            yield self._queue(queue, targets)
        for name, entry in exchanges:
            yield self._exchange(name, entry)
        yield from bindings
        self._policies.lose_rest()

    def _take_exchanges(self) -> Iterator[tuple[str, dict[str, Any]]]:
        sources = {entry.get("source", "") for entry in self._definitions.of("bindings")}
        built_in = [
            {"name": name, "type": _BUILT_IN[name]} for name in sorted(sources & _BUILT_IN.keys())
        ]
        for entry in [*self._definitions.named("exchanges"), *built_in]:
            name = entry["name"]
            if name not in self._types and (kind := self._exchange_type(entry)) is not None:
                self._types[name] = kind
                yield self._exchanges.take(name), entry

    def _exchange_type(self, entry: dict[str, Any]) -> str | None:
        subject, given = f"exchange {entry.get('name')}", entry.get("type")
        if given == "x-delayed-message":
            inner = str((entry.get("arguments") or {}).get("x-delayed-type", "direct"))
            self.losses.add(
                subject, f"it is of type {inner} here; delays are given when sending: --delay"
            )
            given = inner
        if given in EXCHANGE_TYPES:
            return str(given)
        self.losses.add(
            subject, f"there is no exchange type {given}, so it and its bindings are left out"
        )
        return None

    def _queue(self, entry: dict[str, Any], targets: Targets) -> Resource:
        original = entry["name"]
        name, kind = self._queues.get(original) or "", _type_of(entry)
        subject = f"queue {original}"
        given = self._policies.arguments(original, kind, entry.get("arguments") or {})
        given.pop("x-queue-type", None)
        arguments = Arguments(subject, given, self.losses)
        self._note_lifetime(subject, entry)
        if kind == "stream":
            settings = topic_settings(arguments)
            arguments.lose_rest()
            return Resource("topic", name, KINDS["topic"].complete(settings))
        settings = queue_settings(
            arguments, quorum=kind == "quorum", limited=self._definitions.version >= (4,)
        )
        settings |= self._dead_letters(arguments, targets, name)
        arguments.lose_rest()
        return Resource("queue", name, KINDS["queue"].complete(_sound(arguments, settings)))

    def _dead_letters(self, arguments: Arguments, targets: Targets, queue: str) -> dict[str, str]:
        exchange = arguments.text("x-dead-letter-exchange")
        key = arguments.text("x-dead-letter-routing-key")
        if exchange is None:
            if key is not None:
                arguments.lose("x-dead-letter-routing-key without an exchange has no effect")
            return {}
        if exchange == "":
            return self._to_default_exchange(arguments, key, queue)
        name = self._exchanges.get(exchange)
        if name is None:
            arguments.lose(f"x-dead-letter-exchange {exchange!r} is not here, so it has no DLQ")
            return {}
        target = targets.sole_queue(name, self._types[exchange], key)
        # A queue that is known beforehand is a DLQ that can be looked at and redriven by name.
        if target is not None and target != queue:
            return {"dlq": target}
        if key == "none":
            arguments.lose("x-dead-letter-routing-key 'none' is no key here, so they keep theirs")
            key = None
        named = {} if key is None else {"dlq_key": key}
        return {"dlq": f"{EXCHANGE_PREFIX}{name}", **named}

    def _to_default_exchange(
        self, arguments: Arguments, key: str | None, queue: str
    ) -> dict[str, str]:
        target = self._possible_dlqs.get(key or "")
        if target == queue:
            arguments.lose(
                "its dead letters come back to it by the default exchange, and a queue can't be its"
                " own DLQ, so it has none: give it an exchange that leads back"
            )
            return {}
        if target is None:
            arguments.lose(
                f"its dead letters go to the default exchange with key {key!r}, which is no queue"
                " here, so it has no DLQ"
            )
            return {}
        return {"dlq": target}

    def _exchange(self, name: str, entry: dict[str, Any]) -> Resource:
        original = entry["name"]
        subject = f"exchange {original}"
        given = self._policies.arguments(original, "exchange", entry.get("arguments") or {})
        given.pop("x-delayed-type", None)
        arguments = Arguments(subject, given, self.losses)
        # The argument has no prefix; that of a policy gets one.
        alternate, policy = (arguments.text(f"{x}alternate-exchange") for x in ("", "x-"))
        alternate = policy if alternate is None else alternate
        settings = {"type": self._types[original]}
        if alternate is not None:
            if (target := self._exchanges.get(alternate)) is not None and target != name:
                settings["alternate"] = target
            else:
                arguments.lose(f"its alternate {alternate or '(the default exchange)'} is not here")
        arguments.lose_rest()
        self._note_lifetime(subject, entry)
        if entry.get("internal") is True:
            arguments.lose("it is internal there; here any program can publish to it")
        return Resource("exchange", name, KINDS["exchange"].complete(settings))

    def _note_lifetime(self, subject: str, entry: dict[str, Any]) -> None:
        if entry.get("durable") is False:
            self.losses.add(subject, "it is transient there; here everything is kept")
        if entry.get("auto_delete") is True:
            self.losses.add(subject, "it is deleted there with its last user; here it stays")

    def _bindings(self) -> Iterator[Resource]:
        known: set[str] = set()
        for entry in self._definitions.of("bindings"):
            # Every queue is bound to the default exchange; here messages are sent to it by name.
            if entry.get("source", "") == "":
                continue
            subject = f"binding {entry['source']} -> {entry.get('destination', '')}"
            settings = self._binding(subject, entry)
            if settings is None or (name := binding_name(settings)) in known:
                continue
            known.add(name)
            try:
                KINDS["binding"].check(name, settings)
            except BadInput as error:
                self.losses.add(subject, f"{error.message}, so it is left out")
            else:
                yield Resource("binding", name, settings)

    def _binding(self, subject: str, entry: dict[str, Any]) -> Settings | None:
        source, destination = entry["source"], entry.get("destination", "")
        to_exchange = entry.get("destination_type") == "exchange"
        names = self._exchanges if to_exchange else self._queues
        exchange, target = self._exchanges.get(source), names.get(destination)
        if exchange is None or target is None:
            self.losses.add(subject, "one of its ends is not here, so it is left out")
            return None
        settings = {
            "from": exchange,
            "to": f"{EXCHANGE_PREFIX}{target}" if to_exchange else target,
            "key": str(entry.get("routing_key") or ""),
        }
        arguments = entry.get("arguments") or {}
        if self._types[source] != "headers":
            if arguments:
                self.losses.add(subject, "its arguments have no effect on this type of exchange")
            return KINDS["binding"].complete(settings)
        return self._with_headers(subject, settings, arguments)

    def _with_headers(
        self, subject: str, settings: dict[str, str], arguments: dict[str, Any]
    ) -> Settings | None:
        match = arguments.get("x-match", "all")
        headers: dict[str, HeaderValue] = {
            name: value for name, value in arguments.items() if name != "x-match"
        }
        plain = all(isinstance(value, str | int | float | None) for value in headers.values())
        if match not in MATCHES or not plain:
            self.losses.add(
                subject, "it compares lists or tables, or in an unknown way, so it is left out"
            )
            return None
        settings |= {"match": match, "headers": headers_text(headers)}
        return KINDS["binding"].complete(settings)


def _type_of(queue: dict[str, Any]) -> str:
    arguments = queue.get("arguments") or {}
    kind = arguments.get("x-queue-type", queue.get("type", "classic"))
    return kind if kind in ("quorum", "stream") else "classic"


def _sound(arguments: Arguments, settings: dict[str, str]) -> dict[str, str]:
    """Return the settings, completed by RabbitMQ's meaning without a DLQ."""
    if "dlq" in settings:
        # Without it a DLQ alone would set a limit.
        return {"max_deliveries": "none", **settings}
    if "max_deliveries" in settings:
        # Messages over the limit are dropped there as well.
        settings["drop_exhausted"] = "true"
    if settings.get("overflow") == "dead-letter":
        arguments.lose("reject-publish-dlx without a dead-letter exchange: reject is taken")
        settings["overflow"] = "reject"
    return settings
