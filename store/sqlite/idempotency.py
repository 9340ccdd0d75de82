"""The memory of an idempotent consumer: ids of finished work."""

from __future__ import annotations

from store.sqlite.file.database import WriteTransaction


def note(tx: WriteTransaction, scope: str, id: str) -> bool:
    """Remember an id and return whether it is new in its scope."""
    return bool(
        tx.execute(
            "insert or ignore into mq_first_times (scope, id, at) values (:scope, :id, :at)",
            {"scope": scope, "id": id, "at": tx.wall},
        )
    )
