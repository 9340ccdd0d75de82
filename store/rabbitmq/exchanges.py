"""Exchanges and bindings, and messages published through them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Unpack

from store import model, rabbitmq, routing
from store.engine.features import Feature
from store.model.addresses import EXCHANGE_PREFIX, check_name
from store.model.encoding import given_list
from store.model.errors import BadInput, Exists, Hint, NotFound, Unroutable
from store.model.messages import MessageId, NewMessage
from store.model.topics import Headers, Seconds, Timestamp
from store.rabbitmq.base import CONTROL
from store.rabbitmq.deliveries import ServerDeliveries, id_of
from store.rabbitmq.errors import missing
from store.rabbitmq.messages import encoded, routing_key

if TYPE_CHECKING:
    from store.model.exchanges import (
        Binding,
        Exchange,
        ExchangeSettings,
        Placed,
        Route,
        RouteExplanation,
    )

COLUMNS = "name,type,durable,internal,arguments,policy,message_stats"


class ServerExchanges(ServerDeliveries):
    """Exchanges: create, look, alter, delete, bind, route, publish."""

    def create_exchange(
        self,
        name: str,
        type: str,
        *,
        if_not_exists: bool = False,
        **settings: Unpack[ExchangeSettings],
    ) -> Exchange:
        """Create a durable exchange; its alternate is a policy, so that it can change."""
        check_name(name, "exchange name")
        _check_type(type)
        if settings.get("labels"):
            self.features.need(Feature.LABELS)
        alternate = settings.get("alternate")
        self._check_alternate(name, alternate)
        present = self._present(name)
        if present is None:
            self._create_exchange(name, type, alternate, None)
        elif not if_not_exists:
            raise Exists(
                f"exchange {name} exists already",
                hint=Hint("{}", model.looks.Show("exchange", name)),
            )
        elif (present.type, present.alternate) != (type, alternate):
            raise Exists(
                f"exchange {name} exists with type {present.type}, alternate {present.alternate}",
                hint=Hint("{}", model.looks.Show("exchange", name)),
            )
        return self.exchange(name)

    def exchanges(self) -> list[Exchange]:
        """Return the exchanges of the vhost by name, without those that are built in."""
        return sorted(self._routes().exchanges.values(), key=lambda exchange: exchange.name)

    def exchange(self, name: str) -> Exchange:
        """Return one exchange; raises `NotFound`."""
        found = self._present(name)
        if found is None:
            raise missing(f"exchange {name}")
        return found

    def require_exchange(self, name: str) -> None:
        """Raise `NotFound` without the exchange."""
        with self._connection.channel(CONTROL, f"exchange {name}") as channel:
            channel.exchange_declare(name, "topic", passive=True)

    def alter_exchange(self, name: str, **settings: Unpack[ExchangeSettings]) -> Exchange:
        """Change the alternate of an exchange, by its policy."""
        if settings.get("labels"):
            self.features.need(Feature.LABELS)
        self.exchange(name)
        if "alternate" in settings:
            self._check_alternate(name, settings["alternate"])
            self._put_alternate(name, settings["alternate"])
        return self.exchange(name)

    def delete_exchange(self, name: str, *, if_unused: bool = False) -> Exchange:
        """Delete an exchange with its bindings and its policy; return it as it was."""
        before = self.exchange(name)
        with self._connection.channel(CONTROL, f"exchange {name}") as channel:
            channel.exchange_delete(name, if_unused=if_unused)
        rabbitmq.policies.remove(self._management, "exchange", name)
        return before

    def delete_exchanges(self, names: Iterable[str], *, if_unused: bool = False) -> list[Exchange]:
        """Delete several exchanges, all of which are looked up first."""
        found = [self.exchange(name) for name in names]
        return [self.delete_exchange(one.name, if_unused=if_unused) for one in found]

    def bind(
        self,
        exchange: str,
        destination: str,
        *,
        key: str = "",
        headers: Headers | None = None,
        match: str = "all",
    ) -> bool:
        """Bind a queue or `exchange:NAME`; return False if it was bound already."""
        model.exchanges.check_binding(key, headers, match)
        if self._bound(exchange, destination, key, headers or {}, match):
            return False
        self._bind(
            exchange, destination, key, rabbitmq.routes.arguments_of(headers or {}, match, None)
        )
        return True

    def unbind(
        self,
        exchange: str,
        destination: str,
        *,
        key: str = "",
        headers: Headers | None = None,
        match: str = "all",
    ) -> None:
        """Undo a binding, whichever topology owns it; raises `NotFound` without one."""
        model.exchanges.check_binding(key, headers, match)
        self.exchange(exchange)
        bound = self._bound(exchange, destination, key, headers or {}, match)
        if not bound:
            raise NotFound(f"there is no such binding from {exchange} to {destination}")
        for entry in bound:
            self._unbind(exchange, destination, key, rabbitmq.routes.arguments_in(entry))

    def bindings(
        self, exchange: str | None = None, destination: str | None = None
    ) -> list[Binding]:
        """Return the bindings, without those of the default exchange; of one, or to one."""
        if exchange is not None:
            self.exchange(exchange)
        return [
            binding
            for binding in map(rabbitmq.routes.binding_of, self._binding_entries())
            if exchange in {None, binding.exchange} and destination in {None, binding.destination}
        ]

    def route(
        self, exchange: str, key: bytes | str = "", headers: Headers | None = None
    ) -> list[Route]:
        """Return where a message would go, by the present bindings; nothing is stored."""
        steps = self._routes().steps(exchange, routing_key(key), headers or {})
        return list(routing.walk.routes(steps))

    def explain_route(
        self, exchange: str, key: bytes | str = "", headers: Headers | None = None
    ) -> RouteExplanation:
        """Route a message, and say why the other bindings on its way did not match."""
        known, word, given = self._routes(), routing_key(key), headers or {}
        steps = known.steps(exchange, word, given)
        return model.exchanges.RouteExplanation(
            routing.walk.routes(steps), tuple(known.unmatched(exchange, steps, word, given))
        )

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
        """Publish one message; see `publish_many`."""
        message = NewMessage(
            value, key, headers, timestamp, delay, message_group, dedup_id, priority, ttl
        )
        return self.publish_many(exchange, [message], mandatory=mandatory)[0]

    def publish_many(
        self, exchange: str, messages: Iterable[NewMessage], *, mandatory: bool = False
    ) -> list[list[Placed]]:
        """Publish messages, each confirmed by itself; a list is empty for one that went nowhere.

        A confirm does not say in which queues a message is: its id stands for all of them, at the
        address of the exchange. Raises `Unroutable` for a mandatory one that went nowhere.
        """
        given = given_list(messages, "messages")
        keys = [routing_key(one.key) for one in given]
        ready = [one for _, one in encoded(given, self.features, self.wall())]
        result = self._publisher.publish(exchange, list(zip(keys, ready, strict=True)))
        if result.refused:
            self._raise_full(f"a queue of exchange {exchange}", len(result.refused), len(ready))
        if mandatory and result.returned:
            first = keys[min(result.returned)]
            raise Unroutable(
                f"nothing is bound to exchange {exchange} for key {first!r}",
                hint=Hint("{}", model.looks.ExplainRoute(exchange, first)),
            )
        address = f"{EXCHANGE_PREFIX}{exchange}"
        return [
            [] if number in result.returned else [MessageId(address, id_of(one), None)]
            for number, one in enumerate(ready)
        ]

    def _create_exchange(
        self, name: str, type: str, alternate: str | None, label: str | None
    ) -> None:
        if alternate is not None:
            self._put_alternate(name, alternate)
        arguments = {} if label is None else {rabbitmq.settings.LABEL: label}
        with self._connection.channel(CONTROL, f"exchange {name}") as channel:
            channel.exchange_declare(
                name, type, durable=True, auto_delete=False, arguments=arguments
            )

    def _put_alternate(self, name: str, alternate: str | None) -> None:
        definition = {} if alternate is None else {"alternate-exchange": alternate}
        rabbitmq.policies.put(self._management, "exchange", name, definition)

    def _check_alternate(self, name: str, alternate: str | None) -> None:
        model.exchanges.check_alternate(name, alternate)
        if alternate is not None:
            self.exchange(alternate)

    def _present(self, name: str) -> Exchange | None:
        try:
            entry = self._management.get(
                f"exchanges/{{vhost}}/{rabbitmq.management.named(name)}", f"exchange {name}"
            )
        except NotFound:
            return None
        bindings = [one for one in self._binding_entries() if one["source"] == name]
        return _exchange(entry, rabbitmq.policies.read(self._management), len(bindings))

    def _routes(self) -> rabbitmq.routes.Routes:
        bindings = [rabbitmq.routes.binding_of(entry) for entry in self._binding_entries()]
        counts: dict[str, int] = {}
        for binding in bindings:
            counts[binding.exchange] = counts.get(binding.exchange, 0) + 1
        known = rabbitmq.policies.read(self._management)
        entries = self._listed("exchanges", COLUMNS)
        exchanges = [
            _exchange(entry, known, counts.get(entry["name"], 0))
            for entry in entries
            if rabbitmq.routes.is_of_type(entry)
        ]
        return rabbitmq.routes.Routes(exchanges, bindings)

    def _binding_entries(self) -> list[dict[str, Any]]:
        entries = self._management.get("bindings/{vhost}", "the list of bindings")
        return [
            entry
            for entry in entries
            if entry["source"] not in {"", rabbitmq.routes.GROUPS}
            and rabbitmq.routes.PARTITION_ORDER not in entry["arguments"]
        ]

    def _bound(
        self, exchange: str, destination: str, key: str, headers: Headers, match: str
    ) -> list[Mapping[str, Any]]:
        """Return the entries of a binding; there may be several, with labels of topologies."""
        return [
            entry
            for entry in self._binding_entries()
            if (binding := rabbitmq.routes.binding_of(entry)).exchange == exchange
            and binding.destination == destination
            and binding.is_same(key, headers, match)
        ]

    def _bind(
        self, exchange: str, destination: str, key: str, arguments: Mapping[str, Any]
    ) -> None:
        target = destination.removeprefix(EXCHANGE_PREFIX)
        self._check_ends(exchange, destination)
        with self._connection.channel(CONTROL, f"binding of {exchange}") as channel:
            if target != destination:
                channel.exchange_bind(target, exchange, key, arguments=dict(arguments))
            else:
                channel.queue_bind(target, exchange, key, arguments=dict(arguments))

    def _unbind(
        self, exchange: str, destination: str, key: str, arguments: Mapping[str, Any]
    ) -> None:
        target = destination.removeprefix(EXCHANGE_PREFIX)
        with self._connection.channel(CONTROL, f"binding of {exchange}") as channel:
            if target != destination:
                channel.exchange_unbind(target, exchange, key, arguments=dict(arguments))
            else:
                channel.queue_unbind(target, exchange, key, arguments=dict(arguments))

    def _check_ends(self, exchange: str, destination: str) -> None:
        target = destination.removeprefix(EXCHANGE_PREFIX)
        self.require_exchange(exchange)
        if target != destination:
            self.require_exchange(target)
        if target == destination:
            self._ready(target)


def _check_type(type: str) -> None:
    types = model.exchanges.EXCHANGE_TYPES
    if type not in types:
        raise BadInput(f"{type!r} is not an exchange type", "one of " + ", ".join(types))


def _exchange(
    entry: Mapping[str, Any], known: rabbitmq.policies.VhostPolicies, bindings: int
) -> Exchange:
    effective = known.effective(entry["name"], "exchange", entry.get("arguments") or {})
    alternate = effective.get("alternate-exchange") or effective.get("x-alternate-exchange")
    return model.exchanges.Exchange(entry["name"], entry["type"], alternate, None, bindings)
