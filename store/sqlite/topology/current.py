"""The present store as a topology. Each kind is read with a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterator

from store.model.settings import LABELS, write_settings
from store.sqlite import exchanges, groups, queues, shares
from store.sqlite.exchanges import bindings
from store.sqlite.file.database import Snapshot
from store.sqlite.log import topics
from store.topology.kinds import Settings, binding_name, headers_text
from store.topology.model import Resource, Topology


def read(tx: Snapshot) -> Topology:
    """Return everything in the store, by kind and name."""
    labels = {
        **_labels(tx, "select kind, name, label from mq_channels where label not null"),
        **_labels(tx, "select 'exchange', name, label from mq_exchanges where label not null"),
        **_labels(tx, "select kind, name, label from mq_readers where kind = 'group'"),
    }
    named = (*_topics(tx), *_queues(tx), *_exchanges(tx), *_groups(tx), *_shares(tx))
    things = [
        Resource(kind, name, settings, labels.get((kind, name))) for kind, name, settings in named
    ]
    return Topology([*things, *_bindings(tx)])


_Described = Iterator[tuple[str, str, Settings]]


def _labels(tx: Snapshot, sql: str) -> dict[tuple[str, str], str | None]:
    return {(kind, name): label for kind, name, label in tx.rows(sql)}


def _topics(tx: Snapshot) -> _Described:
    partitions = topics.partition_counts(tx)
    for name, config in topics.configs(tx).items():
        yield "topic", name, {"partitions": str(partitions[name]), **write_settings(config)}


def _queues(tx: Snapshot) -> _Described:
    for name, config in queues.catalog.configs(tx).items():
        yield "queue", name, write_settings(config)


def _groups(tx: Snapshot) -> _Described:
    declared = groups.catalog.declared_topics(tx)
    for name, config in groups.catalog.configs(tx).items():
        read = ",".join(declared.get(name, ())) or "none"
        yield "group", name, {"topics": read, **write_settings(config)}


def _shares(tx: Snapshot) -> _Described:
    # The start of a share holds at its creation only, so it is no setting.
    for share in shares.catalog.all_shares(tx):
        yield "share", share.name, {"topic": share.topic, **write_settings(share.config)}


def _exchanges(tx: Snapshot) -> _Described:
    for found in exchanges.catalog.every(tx):
        settings = {"type": found.type, "alternate": found.alternate or "none"}
        yield "exchange", found.name, {**settings, "labels": LABELS.write(found.labels)}


def _bindings(tx: Snapshot) -> list[Resource]:
    labels = tx.rows(
        "select b.label from mq_bindings b join mq_exchanges o on o.id = b.exchange"
        " order by o.name, b.id"
    )
    found = []
    for binding, (label,) in zip(bindings.every(tx), labels, strict=True):
        settings = {
            "from": binding.exchange,
            "to": binding.destination,
            "key": binding.key,
            "headers": headers_text(binding.headers),
            "match": binding.match,
        }
        found.append(Resource("binding", binding_name(settings), settings, label))
    return sorted(found, key=lambda thing: thing.name)
