"""What went wrong with single records of a group, as their consumers told it."""

from __future__ import annotations

from store.db import Write


def note_failure(tx: Write, slot: int, offset: int, member: str, error: str) -> int:
    """Write down a failed attempt and return how many there were."""
    place = slot << 40 | offset
    number: int = tx.value(
        "select ifnull(max(number), 0) + 1 from mq_attempts where lease = :place", {"place": place}
    )
    tx.execute(
        "insert into mq_attempts (lease, number, holder, ended, outcome, error)"
        " values (:place, :number, :member, :now, 'failed', :error)",
        {"place": place, "number": number, "member": member, "now": tx.wall, "error": error},
    )
    return number
