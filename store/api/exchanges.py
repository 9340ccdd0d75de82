"""Calls on exchanges and bindings, and publishing through them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Unpack

from store import model, sqlite
from store.api.base import Calls, check_names, frees_room
from store.model.encoding import encode_bytes, encode_headers, given_list
from store.model.errors import Exists, Hint, Unroutable
from store.model.settings import LABELS

if TYPE_CHECKING:
    from store.model.exchanges import (
        Binding,
        Exchange,
        ExchangeSettings,
        Placed,
        Route,
    )
    from store.model.messages import NewMessage
    from store.model.topics import Headers, Properties, Seconds, Timestamp


_SETTINGS = ("alternate", "labels")


class RoutingCalls(Calls):
    """Exchanges: create, bind, route, publish."""

    def create_exchange(
        self, name: str, type: str, *, if_not_exists: bool = False,
        **settings: Unpack[ExchangeSettings],
    ) -> Exchange:  # fmt: skip
        """Create an exchange: `direct`, `topic`, `fanout` or `headers`, as in RabbitMQ.

        `alternate` is the exchange for messages that no binding matches; it may be created later.
        Raises `Exists`, with `if_not_exists` only when given settings differ.
        """
        check_names(settings, _SETTINGS)
        alternate, labels = settings.get("alternate"), model.labels.checked(settings.get("labels"))
        with self._write() as tx:
            present = sqlite.exchanges.catalog.find_or_none(tx, name) if if_not_exists else None
            if present is not None:
                return _agreeing(present, type, settings)
            return sqlite.exchanges.catalog.create(tx, name, type, alternate, labels)

    def exchanges(self) -> list[Exchange]:
        """Return every exchange, by name."""
        with self._read() as tx:
            return sqlite.exchanges.catalog.every(tx)

    def exchange(self, name: str) -> Exchange:
        """Return one exchange; raises `NotFound`."""
        with self._read() as tx:
            return sqlite.exchanges.catalog.find(tx, name)

    def require_exchange(self, name: str) -> None:
        """Raise `NotFound` without the exchange."""
        with self._read() as tx:
            sqlite.exchanges.catalog.find(tx, name)

    def alter_exchange(self, name: str, **settings: Unpack[ExchangeSettings]) -> Exchange:
        """Change the given settings and keep the rest: another alternate, or none, and labels."""
        check_names(settings, _SETTINGS)
        with self._write() as tx:
            present = sqlite.exchanges.catalog.find(tx, name)
            labels = present.labels
            if "labels" in settings:
                labels = model.labels.checked(settings["labels"])
            return sqlite.exchanges.catalog.alter(
                tx, name, settings.get("alternate", present.alternate), labels
            )

    @frees_room
    def delete_exchange(self, name: str, *, if_unused: bool = False) -> Exchange:
        """Delete an exchange and every binding from and to it; return the exchange as it was.

        Raises `Conflict` while it is an alternate or gets a queue's dead letters, and with
        `if_unused` while bindings lead out of it.
        """
        with self._write() as tx:
            return sqlite.exchanges.catalog.delete(tx, name, if_unused=if_unused)

    @frees_room
    def delete_exchanges(self, names: Iterable[str], *, if_unused: bool = False) -> list[Exchange]:
        """Delete several exchanges, all or none; see `delete_exchange`."""
        with self._write() as tx:
            return [
                sqlite.exchanges.catalog.delete(tx, name, if_unused=if_unused) for name in names
            ]

    def bind(
        self, exchange: str, destination: str, *, key: str = "", headers: Headers | None = None,
        match: str = "all",
    ) -> bool:  # fmt: skip
        """Bind a queue, a topic or `exchange:NAME`; return False if it was bound already.

        A headers exchange compares `headers` as `match` says: all, any, all-with-x, any-with-x.
        """
        with self._write() as tx:
            return sqlite.exchanges.bindings.bind(tx, exchange, destination, key, headers, match)

    @frees_room
    def unbind(
        self, exchange: str, destination: str, *, key: str = "", headers: Headers | None = None,
        match: str = "all",
    ) -> None:  # fmt: skip
        """Undo a binding, named by the same arguments; raises `NotFound`."""
        with self._write() as tx:
            sqlite.exchanges.bindings.unbind(tx, exchange, destination, key, headers, match)

    def bindings(
        self, exchange: str | None = None, destination: str | None = None
    ) -> list[Binding]:
        """Return the bindings, by exchange, in order of creation; of one, or to one destination."""
        with self._read() as tx:
            return sqlite.exchanges.bindings.every(tx, exchange, destination)

    def route(
        self, exchange: str, key: bytes | str = "", headers: Headers | None = None
    ) -> list[Route]:
        """Return the destinations of a message, with the bindings to each; nothing is stored."""
        from store import routing

        routing_key = model.exchanges.routing_key(encode_bytes(key, "key"))
        encode_headers(headers)
        with self._read() as tx:
            steps = sqlite.exchanges.tables.current(tx).steps(
                tx, exchange, routing_key, headers or {}
            )
        return list(routing.walk.routes(steps))

    def explain_route(
        self, exchange: str, key: bytes | str = "", headers: Headers | None = None
    ) -> model.exchanges.RouteExplanation:
        """Route a message as `route`, and add the bindings that did not match, with the reasons."""
        from store import routing

        routing_key = model.exchanges.routing_key(encode_bytes(key, "key"))
        encode_headers(headers)
        with self._read() as tx:
            steps = sqlite.exchanges.tables.current(tx).steps(
                tx, exchange, routing_key, headers or {}
            )
            missed = sqlite.exchanges.explain.unmatched(
                tx, exchange, steps, routing_key, headers or {}
            )
        return model.exchanges.RouteExplanation(routing.walk.routes(steps), tuple(missed))

    def publish(
        self,
        exchange: str,
        key: bytes | str | None,
        value: bytes | str | None,
        *,
        headers: Headers | None = None,
        timestamp: Timestamp | None = None,
        delay: Seconds | None = None,
        message_group: str | None = None,
        dedup_id: str | None = None,
        priority: int = 0,
        ttl: Seconds | None = None,
        properties: Properties | None = None,
        mandatory: bool = False,
    ) -> list[Placed]:
        """Publish one message; return where it is stored. See `publish_many`."""
        message = model.messages.NewMessage(
            value,
            key,
            headers,
            timestamp,
            delay,
            message_group,
            dedup_id,
            priority,
            ttl,
            properties,
        )
        return self.publish_many(exchange, [message], mandatory=mandatory)[0]

    def publish_many(
        self, exchange: str, messages: Iterable[NewMessage], *, mandatory: bool = False
    ) -> list[list[Placed]]:
        """Route messages by their keys and headers and store each in every destination.

        One transaction: every message in every destination, or nothing. A message without a
        destination is no error unless `mandatory`, which raises `Unroutable`. Raises `BadRecord`
        for a bad message.
        """
        if self._busy:
            return self._committer.publish_many(exchange, messages, mandatory)
        with self._write() as tx:
            given = given_list(messages, "messages")
            placed = sqlite.queues.publish.publish(tx, exchange, given, self._sticky)
            if mandatory and not all(placed):
                key = model.exchanges.routing_key(encode_bytes(given[placed.index([])].key, "key"))
                raise Unroutable(
                    f"no binding of exchange {exchange} leads the key {key!r} anywhere",
                    hint=Hint("{}", model.looks.ExplainRoute(exchange, key)),
                )
            return placed


def _agreeing(present: Exchange, type: str, settings: ExchangeSettings) -> Exchange:
    alternate = settings.get("alternate", present.alternate)
    labels = present.labels
    if "labels" in settings:
        labels = model.labels.checked(settings["labels"])
    for setting, theirs, ours in (
        ("type", present.type, type),
        ("alternate", present.alternate or "none", alternate or "none"),
        ("labels", LABELS.write(present.labels), LABELS.write(labels)),
    ):
        if theirs != ours:
            raise Exists(
                f"exchange {present.name} exists with another {setting}: {theirs}, not {ours}",
                hint=Hint("{}", model.looks.Show("exchange", present.name)),
            )
    return present
