"""How rows lie in the file: the ids of records and leases, and how long a record is.

A record's id is its partition's, followed by 40 bits of offset; a lease's is its slot's, followed
by the same offset. Only what runs for each message of a batch shifts by itself.
"""

OFFSET_BITS = 40
OFFSET_MASK = (1 << OFFSET_BITS) - 1

_LEASE_OF = "l.id = :leases + ({} - :records)"
LEASE_OF_RECORD = _LEASE_OF.format("r.id")
"""Joins a record `r` of a slot with its lease `l`, by the ids that both have at offset 0."""
LEASE_OF_FIRST = _LEASE_OF.format("first")
"""The same for the first record of a message group or tenant."""

_SIZE = "ifnull(length({0}key), 0) + ifnull(length({0}headers), 0) + ifnull(length({0}value), 0)"
SIZE = _SIZE.format("")
"""The bytes of a record, as its partition counts them."""
SIZE_OF_R = _SIZE.format("r.")
"""The same of a record `r`."""


def record_id(partition: int, offset: int) -> int:
    """Return the id of the record at an offset of a partition."""
    return partition << OFFSET_BITS | offset


def lease_id(slot: int, offset: int) -> int:
    """Return the id of the lease row of an offset in a slot."""
    return slot << OFFSET_BITS | offset


def split(id: int) -> tuple[int, int]:
    """Return the partition of a record, or the slot of a lease, and the offset."""
    return id >> OFFSET_BITS, id & OFFSET_MASK


def owner(id: int) -> int:
    """Return the partition of a record, or the slot of a lease."""
    return id >> OFFSET_BITS


def offset(id: int) -> int:
    """Return the offset of a record or lease."""
    return id & OFFSET_MASK


def span(owner: int) -> dict[str, int]:
    """Return the ids of a partition's records or a slot's leases: from `:first` up to `:end`."""
    return {"first": owner << OFFSET_BITS, "end": owner + 1 << OFFSET_BITS}


def begin_of(owner: str) -> str:
    """Return SQL for the id that is at offset 0 of a partition or slot."""
    return f"({owner} << {OFFSET_BITS})"


def is_of(id: str, owner: str) -> str:
    """Return SQL for whether an id is one of a partition or slot, which an index answers."""
    return f"{id} >= {owner} << {OFFSET_BITS} and {id} < {owner} + 1 << {OFFSET_BITS}"


def is_between(id: str, owner: str, first: str, end: str) -> str:
    """Return SQL for whether an id is one of a partition or slot with `first <= offset < end`."""
    begin = begin_of(owner)
    return f"{id} >= {begin} + {first} and {id} < {begin} + {end}"


def owner_of(id: str) -> str:
    """Return SQL for the partition of a record, or the slot of a lease."""
    return f"({id} >> {OFFSET_BITS})"


def offset_of(id: str) -> str:
    """Return SQL for the offset of a record or lease."""
    return f"({id} & {OFFSET_MASK})"
