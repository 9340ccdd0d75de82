"""The protocol of exchanges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Unpack

from store.engine.features import Feature, Featured, lacking

if TYPE_CHECKING:
    from collections.abc import Iterable

    from store.model.exchanges import (
        Binding,
        Exchange,
        ExchangeSettings,
        Placed,
        Route,
        RouteExplanation,
    )
    from store.model.messages import NewMessage
    from store.model.topics import Headers, Seconds, Timestamp


class Exchanges(Featured, Protocol):
    """Exchanges and bindings: the destinations of a message by its key and headers."""

    def create_exchange(
        self,
        name: str,
        type: str,
        *,
        if_not_exists: bool = False,
        **settings: Unpack[ExchangeSettings],
    ) -> Exchange:
        """Create an exchange: `direct`, `topic`, `fanout` or `headers`, as in RabbitMQ."""
        raise lacking(self, Feature.EXCHANGES)

    def exchanges(self) -> list[Exchange]:
        """Return every exchange, by name."""
        raise lacking(self, Feature.EXCHANGES)

    def exchange(self, name: str) -> Exchange:
        """Return one exchange; raises `NotFound`."""
        raise lacking(self, Feature.EXCHANGES)

    def require_exchange(self, name: str) -> None:
        """Raise `NotFound` without the exchange."""
        raise lacking(self, Feature.EXCHANGES)

    def alter_exchange(self, name: str, **settings: Unpack[ExchangeSettings]) -> Exchange:
        """Change the given settings and keep the rest: another alternate, or none."""
        raise lacking(self, Feature.EXCHANGES)

    def delete_exchange(self, name: str, *, if_unused: bool = False) -> Exchange:
        """Delete an exchange and every binding from and to it; return the exchange as it was."""
        raise lacking(self, Feature.EXCHANGES)

    def delete_exchanges(self, names: Iterable[str], *, if_unused: bool = False) -> list[Exchange]:
        """Delete several exchanges, all or none; see `delete_exchange`."""
        raise lacking(self, Feature.EXCHANGES)

    def bind(
        self,
        exchange: str,
        destination: str,
        *,
        key: str = "",
        headers: Headers | None = None,
        match: str = "all",
    ) -> bool:
        """Bind a queue, a topic or `exchange:NAME`; return False if it was bound already."""
        raise lacking(self, Feature.EXCHANGES)

    def unbind(
        self,
        exchange: str,
        destination: str,
        *,
        key: str = "",
        headers: Headers | None = None,
        match: str = "all",
    ) -> None:
        """Undo a binding, named by the same arguments; raises `NotFound`."""
        raise lacking(self, Feature.EXCHANGES)

    def bindings(
        self, exchange: str | None = None, destination: str | None = None
    ) -> list[Binding]:
        """Return the bindings, by exchange, in order of creation; of one, or to one destination."""
        raise lacking(self, Feature.EXCHANGES)

    def route(
        self, exchange: str, key: bytes | str = "", headers: Headers | None = None
    ) -> list[Route]:
        """Return the destinations of a message, with the bindings to each; nothing is stored."""
        raise lacking(self, Feature.ROUTE)

    def explain_route(
        self, exchange: str, key: bytes | str = "", headers: Headers | None = None
    ) -> RouteExplanation:
        """Route a message as `route`, and add the bindings that did not match, with the reasons."""
        raise lacking(self, Feature.ROUTE)

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
        mandatory: bool = False,
    ) -> list[Placed]:
        """Publish one message; return where it is stored. See `publish_many`."""
        raise lacking(self, Feature.EXCHANGES)

    def publish_many(
        self, exchange: str, messages: Iterable[NewMessage], *, mandatory: bool = False
    ) -> list[list[Placed]]:
        """Route messages by their keys and headers and store each in every destination."""
        raise lacking(self, Feature.EXCHANGES)
