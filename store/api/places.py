"""Opening a place: the engine is chosen by the scheme of its URL, and imported then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from store.engine.features import Features
from store.engine.places import Place, read_place
from store.model.errors import BadInput
from store.model.nearest import did_you_mean
from store.model.topics import Seconds, in_seconds

if TYPE_CHECKING:
    from store.engine.broker import Broker
    from store.engine.landing import EngineRules
    from store.topology.model import Resource
    from store.topology.target import Refusal

Warn = Callable[[str], None]
_Opener = Callable[[Place, float, Warn], "Broker"]
# By scheme: the class in its module `broker`, the package that it needs, and where that is from.
_ENGINES = {
    "rabbitmq": ("RabbitMQ", "amqp", "amqp"),
    "kafka": ("Kafka", "confluent_kafka", "confluent-kafka"),
    "sqs": ("SQS", "botocore", "botocore"),
}
# A person sees a file, and not the engine in it.
FILE_NAMES = {"file": "sqlite"}
_SCHEMES = {"amqp": "rabbitmq", "amqps": "rabbitmq+tls", "kafka+ssl": "kafka+tls"}


def open_place(text: str, *, timeout: Seconds = 30.0, tell: Warn | None = None) -> Broker:
    """Open a place: the path of a file, a URL as `rabbitmq://HOST/VHOST`, or `@NAME`.

    `timeout` bounds, in seconds, the connection and each call. `tell` is called with warnings.
    Raises `BadInput` for another place and `Unreachable` where no server answers.
    """
    if not (text.startswith("@") or "://" in text):
        from store.api.store import Store

        return Store.open(text, timeout=timeout, tell=tell)
    return open_at(read_place(text, may_hold_password=True), timeout=timeout, tell=tell)


def open_at(place: Place, *, timeout: Seconds = 30.0, tell: Warn | None = None) -> Broker:
    """Open a place that has been read; see `open_place`."""
    return opener(place)(place, in_seconds(timeout), tell or _ignore)


def opener(place: Place) -> _Opener:
    """Return the function that opens a place, by its scheme; raises `BadInput`."""
    if place.scheme in _ENGINES:
        return _opener(place.scheme)
    if other := _SCHEMES.get(place.scheme):
        raise BadInput(f"{place.scheme}:// is no place of mq", hint=f"{other}://HOST")
    known = "a path, rabbitmq://HOST/VHOST, kafka://HOST, sqs://REGION, or @NAME"
    raise BadInput(
        f"there is no engine {place.scheme!r}", hint=did_you_mean(place.scheme, _ENGINES, known)
    )


def features_at(place: Place) -> Features:
    """Return the features of a place's engine at its newest known version, without a connection."""
    opener(place)
    return all_features()[place.scheme]


def all_features() -> Mapping[str, Features]:
    """Return the features of every engine by its name, a server's at its newest known version."""
    from store.kafka import features as kafka
    from store.rabbitmq import features as rabbitmq
    from store.sqlite import features as sqlite
    from store.sqs import features as sqs

    return {
        sqlite.ENGINE: sqlite.features(),
        rabbitmq.ENGINE: rabbitmq.features(rabbitmq.NEWEST),
        kafka.ENGINE: kafka.features(kafka.NEWEST),
        sqs.ENGINE: sqs.features(),
    }


def rules_of(engine: str) -> EngineRules:
    """Return an engine as `advise --for` looks at it, without its client; raises `BadInput`."""
    from store import kafka, rabbitmq, sqs
    from store.engine.landing import EngineRules
    from store.topology.target import refuses_nothing

    engine = FILE_NAMES.get(engine, engine)
    known = all_features()
    if engine not in known:
        names = ["file", *_ENGINES]
        raise BadInput(
            f"there is no engine {engine!r}", did_you_mean(engine, names, ", ".join(names))
        )
    features, name_of = known[engine], _own_name
    refusal: Refusal = refuses_nothing
    match engine:
        case "rabbitmq":
            refusal = partial(rabbitmq.refusals.refusal, features)
        case "kafka":
            refusal = partial(kafka.present.refusal, features)
        case "sqs":
            refusal = partial(sqs.present.refusal, features, "")
            name_of = sqs.present.name_to_take
    return EngineRules(features, refusal, name_of)


def _own_name(queue: Resource) -> str:
    return queue.name


def _opener(scheme: str) -> _Opener:
    name, package, distribution = _ENGINES[scheme]
    try:
        module = import_module(f"store.{scheme}.broker")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        told = f"{scheme}:// needs the package {distribution}, which is not installed"
        raise BadInput(told, hint=f"pip install 'mq[{scheme}]'") from None
    opener: _Opener = getattr(module, name).open
    return opener


def _ignore(warning: str) -> None:
    """Drop a warning."""
