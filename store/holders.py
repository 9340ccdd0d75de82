"""Processes that own partitions or leases, and whether they are still there."""

from __future__ import annotations

import os
import socket
import sys
from functools import lru_cache
from pathlib import Path

from store.clock import Clock
from store.db import Snapshot, Write


def register(tx: Write, name: str, attached: bool) -> int:
    """Note this process as a holder; an attached one loses what it holds when it is gone."""
    return tx.insert(
        "insert into mq_holders (name, host, pid, started, boot_id, pid_namespace, attached, seen)"
        " values (:name, :host, :pid, :started, :boot_id, :pid_namespace, :attached, :seen)",
        {
            "name": name,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": start_time(os.getpid()),
            "boot_id": tx.database.clock.boot_id(),
            "pid_namespace": _pid_namespace(),
            "attached": int(attached),
            "seen": tx.now,
        },
    )


def is_gone(tx: Snapshot, holder: int) -> bool:
    """Whether an attached holder's process has ended.

    A pid means something only in our own boot and pid namespace; elsewhere only time can tell,
    and the answer is False.
    """
    row = tx.row(
        "select pid, started, boot_id, pid_namespace, attached from mq_holders where id = :id",
        {"id": holder},
    )
    if row is None:
        return True
    pid, started, boot_id, namespace, attached = row
    here = _same_place(tx.database.clock, boot_id, namespace)
    return bool(attached) and here and (started is None or start_time(pid) != started)


def default_name() -> str:
    """What this process is called when it was given no name: host and pid."""
    return f"{socket.gethostname().partition('.')[0]}-{os.getpid()}"


def start_time(pid: int) -> int | None:
    """When a process started, in kernel ticks since boot; `None` when it is not there."""
    if sys.platform != "linux":
        return _start_time_elsewhere(pid)
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The command's name stands in parentheses and may hold anything, a parenthesis too.
    state, *rest = text[text.rindex(b")") + 2 :].split()
    return None if state in (b"Z", b"X") else int(rest[18])


def _start_time_elsewhere(pid: int) -> int | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return 0


def _same_place(clock: Clock, boot_id: str, namespace: int | None) -> bool:
    return boot_id == clock.boot_id() and namespace == _pid_namespace()


@lru_cache(maxsize=1)
def _pid_namespace() -> int | None:
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return None
