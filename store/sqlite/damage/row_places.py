"""The subjects of a store's rows, as addresses: as far as damage lets them be known.

Cold: only the search for damage needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from store.sqlite import layout

WHOLE = "file"
"""The address of findings about no single thing."""
_BY_RECORD = {"mq_damages", "mq_tombstones", "mq_origins", "mq_moves"}
NEEDED: Mapping[str, tuple[str, ...]] = {
    "mq_channels": ("id", "name", "kind"),
    "mq_readers": ("id", "name", "kind", "channel"),
    "mq_exchanges": ("id", "name"),
    "mq_partitions": ("id", "channel", "number"),
    "mq_slots": ("id", "reader", "partition"),
}
"""The columns that addresses consist of, by table."""


class RowPlaces:
    """Addresses of rows; built from rows of the tables in `NEEDED`, texts as text or as bytes."""

    def __init__(self, rows: Mapping[str, Iterable[tuple[Any, ...]]]) -> None:
        self.channels = {row[0]: (_text(row[1]), _text(row[2])) for row in rows["mq_channels"]}
        self.readers = {row[0]: row[1:] for row in rows["mq_readers"]}
        self.exchanges = {row[0]: _text(row[1]) for row in rows["mq_exchanges"]}
        self.partitions = {row[0]: row[1:] for row in rows["mq_partitions"]}
        self.slots = {row[0]: row[1:] for row in rows["mq_slots"]}

    def channel(self, id: Any) -> str:
        """Return the name of a topic, queue or share."""
        name, _ = self.channels.get(id, (None, None))
        return f"channel {id}" if name is None else name

    def is_queue(self, id: Any) -> bool:
        """Return whether a channel is a queue."""
        kind: Any = self.channels.get(id, ("", ""))[1]
        return bool(kind == "queue")

    def _numbered(self, row: Mapping[str, Any]) -> str:
        if row.get("id") in self.partitions or row.get("channel") is None:
            return self.partition(row.get("id"))
        name = self.channel(row["channel"])
        return name if self.is_queue(row["channel"]) else f"{name}/{row.get('number')}"

    def partition(self, id: Any) -> str:
        """Return a partition of a topic as `orders/0`, a lane of a queue by the queue's name."""
        channel, number = self.partitions.get(id, (None, None))
        if channel is None:
            return f"partition {id}"
        name = self.channel(channel)
        return name if self.is_queue(channel) else f"{name}/{number}"

    def record(self, id: Any) -> str:
        """Return a record as `orders/0@3`, a message as `jobs@3`."""
        if not isinstance(id, int):
            return f"record {id!r}"
        return f"{self.partition(layout.owner(id))}@{layout.offset(id)}"

    def reader(self, id: Any) -> str:
        """Return a group as `group NAME`, a share as `share NAME`, a queue by its name."""
        name, kind, channel = self.readers.get(id, (None, None, None))
        if name is None:
            return f"reader {id}"
        kind = _text(kind)
        return self.channel(channel) if kind == "queue" else f"{kind} {_text(name)}"

    def _named(self, row: Mapping[str, Any]) -> str:
        if row.get("id") in self.readers or row.get("name") is None:
            return self.reader(row.get("id"))
        kind, name = _text(row.get("kind")), _text(row["name"])
        return str(name) if kind == "queue" else f"{kind} {name}"

    def slot(self, id: Any) -> str:
        """Return a reader's slot, as `group NAME orders/0`; a queue's own slot by its name."""
        reader, partition = self.slots.get(id, (None, None))
        if reader is None:
            return f"slot {id}"
        return self._stand(reader, partition)

    def _stand(self, reader: Any, partition: Any) -> str:
        names = (self.reader(reader), self.partition(partition))
        return " ".join(dict.fromkeys(names))

    def lease(self, id: Any, record: Any = None) -> str:
        """Return the subject of a lease, with its share or group."""
        if not isinstance(id, int):
            return f"lease {id!r}"
        reader, partition = self.slots.get(layout.owner(id), (None, None))
        if record is None and partition is not None:
            record = layout.record_id(partition, layout.offset(id))
        place = f"lease {id}" if record is None else self.record(record)
        name = self.reader(reader)
        return place if reader is None or " " not in name else f"{name} {place}"

    def of(self, table: str, row: Mapping[str, Any]) -> str:
        """Return the address of a row, of which at least the columns of its key are given."""
        match table:
            case "mq_store" | "mq_clock":
                return WHOLE
            case "mq_records":
                return self.record(row["id"])
            case "mq_partitions":
                return self._numbered(row)
            case "mq_channels":
                return self.channel(row["id"])
            case "mq_readers":
                return self._named(row)
            case "mq_exchanges" | "mq_bindings":
                id = row.get("exchange", row.get("id"))
                return f"exchange {self.exchanges.get(id, id)}"
            case "mq_slots" if row.get("id") in self.slots:
                return self.slot(row["id"])
            case "mq_slots":
                return self._stand(row.get("reader"), row.get("partition"))
            case "mq_leases":
                return self.lease(row["id"], row.get("record"))
            case "mq_attempts":
                return self.lease(row["lease"])
        if table in _BY_RECORD and row.get("record") is not None:
            return self.record(row["record"])
        return self._by_parent(table, row)

    def _by_parent(self, table: str, row: Mapping[str, Any]) -> str:
        if row.get("reader") is not None:
            return self.reader(row["reader"])
        if row.get("partition") is not None:
            return self.partition(row["partition"])
        if row.get("channel") is not None:
            return self.channel(row["channel"])
        if table in ("mq_producers", "mq_publications", "mq_holders"):
            return f"{table[3:-1]} {row.get('producer', row.get('id'))}"
        return WHOLE


def _text(stored: Any) -> Any:
    return stored.decode(errors="replace") if isinstance(stored, bytes) else stored
