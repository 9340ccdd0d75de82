"""A group's member in a storm: it reads, commits, and keeps a book of what was accepted.

Run as `python storm_member.py STORE BOOK`. SIGTERM has it leave the group and end.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from threading import Event

from store import Consumer, Fenced, Store

SESSION_TIMEOUT = 2.0
_ended: list[int] = []


def read(path: str, book: str) -> None:
    """Read for the group until told to end; join again whenever the group has dropped us."""
    written = os.open(book, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    number = 0
    with Store.open(path) as store:
        while not _ended:
            number += 1
            try:
                with store.consumer(
                    "billing", ["orders"], session_timeout=SESSION_TIMEOUT
                ) as consumer:
                    while not _ended:
                        note(written, follow(consumer, f"{os.getpid()}.{number}", written))
            except Fenced:
                note(written, ["fenced"])


def follow(consumer: Consumer, owner: str, written: int) -> list[str]:
    """Poll and commit once; the lines for what was committed."""
    records = consumer.poll(20, timeout=0.1)
    if not records:
        return []
    note(written, [f"read {r.partition} {r.offset}" for r in records])
    lines = [
        f"committed {place[1]} {owned.epoch} {owner} {consumer.position[place]}"
        for place, owned in consumer._owned.items()
    ]
    # Work takes a moment, so that a freeze mostly finds its member with records in hand.
    Event().wait(0.02)
    consumer.commit()
    return lines


def note(written: int, lines: list[str]) -> None:
    """Write lines in one go, so that a kill leaves whole ones."""
    if lines:
        os.write(written, ("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    # The folder of this file must not come before the packages that it imports.
    sys.path.remove(str(Path(__file__).parent))
    signal.signal(signal.SIGTERM, lambda *_: _ended.append(1))
    read(*sys.argv[1:])
