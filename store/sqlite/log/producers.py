"""Named producers: a repeated load stores only records that are not stored yet.

Every input record has a sequence number, counted from 0 for each producer and channel. Records
below the stored count are "already stored", as in RabbitMQ Streams' deduplication by publishing id;
a newer incarnation has a higher epoch and fences the older (Kafka's idempotent producer, KIP-98).
"""

from __future__ import annotations

from store.model.addresses import check_name
from store.model.errors import BadInput, Fenced
from store.sqlite.file.database import Snapshot, WriteTransaction


def register(tx: WriteTransaction, name: str) -> int:
    """Begin a new incarnation of a producer and return its epoch; older ones are fenced."""
    check_name(name, "producer name")
    tx.execute(
        "insert into mq_producers (name, used) values (:name, :now)"
        " on conflict (name) do update set epoch = epoch + 1, used = :now",
        {"name": name, "now": tx.wall},
    )
    epoch: int = tx.value("select epoch from mq_producers where name = :name", {"name": name})
    return epoch


def stored(tx: Snapshot, name: str, channel: str) -> int:
    """Return how many input records of the producer are stored in the channel of that name."""
    count: int | None = tx.value(
        "select s.stored from mq_producers p join mq_sequences s on s.producer = p.id"
        " join mq_channels c on c.id = s.channel where p.name = :name and c.name = :channel",
        {"name": name, "channel": channel},
    )
    return count or 0


def newest(tx: Snapshot, name: str, epoch: int) -> int:
    """Return the id of a producer whose newest incarnation has this epoch; raises `Fenced`
    otherwise.
    """
    row = tx.row("select id, epoch from mq_producers where name = :name", {"name": name})
    if row is None or row[1] != epoch:
        raise Fenced(
            f"producer {name} was started again elsewhere",
            hint="only its newest incarnation may produce; stop one of the two",
        )
    id: int = row[0]
    return id


def advance(
    tx: WriteTransaction, name: str, epoch: int, channel: str, first_sequence: int, records: int
) -> int:
    """Note that records `first_sequence …` are being stored; return how many are stored already.

    Numbers may be skipped, as publishing ids may (RabbitMQ Streams). Raises `Fenced` when a newer
    incarnation of the producer exists.
    """
    id = newest(tx, name, epoch)
    if first_sequence < 0:
        raise BadInput(f"sequence numbers count from 0, not from {first_sequence}")
    if records == 0:
        return 0
    present = stored(tx, name, channel)
    tx.execute(
        "insert into mq_sequences (producer, channel, stored)"
        " select :producer, id, :stored from mq_channels where name = :channel"
        " on conflict (producer, channel) do update set stored = max(stored, excluded.stored)",
        {"producer": id, "channel": channel, "stored": first_sequence + records},
    )
    return min(max(present - first_sequence, 0), records)
