"""Processes that own partitions or leases, and whether they still run."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path

from store.model.clock import Clock
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.file.settings import cached_by_settings

_FORGOTTEN_AT_ONCE = 20


def register(tx: WriteTransaction, name: str, attached: bool) -> int:
    """Note this process as a holder; an attached one loses its leases when it is gone."""
    _forget_some(tx)
    return tx.insert(
        "insert into mq_holders (name, host, pid, started, boot_id, pid_namespace, attached, seen)"
        " values (:name, :host, :pid, :started, :boot_id, :pid_namespace, :attached, :seen)",
        {
            "name": name,
            "host": os.uname().nodename,
            "pid": os.getpid(),
            "started": _our_start_time(),
            "boot_id": tx.database.clock.boot_id(),
            "pid_namespace": _pid_namespace(),
            "attached": int(attached),
            "seen": tx.now,
        },
    )


def _forget_some(tx: WriteTransaction) -> None:
    # A holder without leases is noted again when it leases something.
    tx.execute(
        "delete from mq_holders where id in (select h.id from mq_holders h"
        " where not exists (select 1 from mq_leases l where l.holder = h.id)"
        " and not exists (select 1 from mq_members m where m.holder = h.id)"
        " and not exists (select 1 from mq_consumers c where c.holder = h.id)"
        " order by h.id limit :step)",
        {"step": _FORGOTTEN_AT_ONCE},
    )


def forget(tx: WriteTransaction, holder: int) -> None:
    """Forget a holder without leases."""
    tx.execute("delete from mq_holders where id = :id", {"id": holder})


def holder_id(tx: WriteTransaction, name: str, attached: bool) -> int:
    """Return this process's holder, noted at its first use."""
    try:
        return _noted(tx, os.getpid(), name, attached, tx.database.clock.boot_id())
    except LookupError:
        holder = register(tx, name, attached)
        tx.remember_nothing()
        return holder


@cached_by_settings
def _noted(tx: Snapshot, pid: int, name: str, attached: bool, boot_id: str) -> int:
    found: int | None = tx.value(
        "select id from mq_holders where pid = :pid and name = :name and attached = :attached"
        " and boot_id = :boot_id and started is :started order by id limit 1",
        {
            "pid": pid,
            "name": name,
            "attached": int(attached),
            "boot_id": boot_id,
            "started": _our_start_time(),
        },
    )
    if found is None:
        raise LookupError(name)
    return found


def named_in_this_process(tx: Snapshot, name: str) -> list[int]:
    """Return the holders of that name that stand for this process, attached and not."""
    rows = tx.rows(
        "select id from mq_holders where pid = :pid and name = :name and boot_id = :boot_id"
        " and started is :started",
        {
            "pid": os.getpid(),
            "name": name,
            "boot_id": tx.database.clock.boot_id(),
            "started": _our_start_time(),
        },
    )
    return [row[0] for row in rows]


def is_gone(tx: Snapshot, holder: int) -> bool:
    """Return whether an attached holder's process has ended: then its leases are free."""
    attached = tx.value("select attached from mq_holders where id = :id", {"id": holder})
    return attached is None or (bool(attached) and has_ended(tx, holder))


def gone(tx: Snapshot) -> frozenset[int]:
    """Return the attached holders that have leases and whose processes have ended."""
    if tx.gone_holders is None:
        rows = tx.rows(
            "select h.id, h.pid, h.started, h.boot_id, h.pid_namespace from mq_holders h"
            " where h.attached = 1 and exists (select 1 from mq_leases l where l.holder = h.id)"
        )
        tx.gone_holders = frozenset(id for id, *process in rows if _is_over(tx, *process))
    return tx.gone_holders


def has_ended(tx: Snapshot, holder: int) -> bool:
    """Return whether a holder's process has ended.

    A pid means something only in our own boot and pid namespace; elsewhere only time can tell, and
    the answer is False.
    """
    row = tx.row(
        "select pid, started, boot_id, pid_namespace from mq_holders where id = :id",
        {"id": holder},
    )
    return row is None or _is_over(tx, *row)


def _is_over(
    tx: Snapshot, pid: int, started: int | None, boot_id: str, namespace: int | None
) -> bool:
    here = _same_place(tx.database.clock, boot_id, namespace)
    try:
        return here and (started is None or start_time(pid) != started)
    except OSError:
        # With no descriptor left to look with, only time can tell.
        return False


def command_line(tx: Snapshot, holder: int) -> list[str]:
    """Return the command line of a live holder's process; empty where it can't be seen."""
    row = tx.row(
        "select pid, started, boot_id, pid_namespace from mq_holders where id = :id",
        {"id": holder},
    )
    if row is None:
        return []
    pid, started, boot_id, namespace = row
    try:
        if not _same_place(tx.database.clock, boot_id, namespace) or start_time(pid) != started:
            return []
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def default_name() -> str:
    """Return the default name of this process: host and pid."""
    return _default_name(os.getpid())


@lru_cache(maxsize=1)
def _default_name(pid: int) -> str:
    return f"{os.uname().nodename.partition('.')[0]}-{pid}"


def start_time(pid: int) -> int | None:
    """Return when a process started, in kernel ticks since boot; `None` without one.

    Raises OSError when it can't be looked up.
    """
    if sys.platform != "linux":
        return _start_time_elsewhere(pid)
    try:
        # Without a buffer or a Path: each look at a queue does this for every process with leases
        # of it.
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command's name is in parentheses and may contain anything, a parenthesis too.
    fields = text[text.rindex(b")") + 2 :].split(None, 20)
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


_start_times: dict[int, int | None] = {}


def _our_start_time() -> int | None:
    # By pid, because a child of fork has another one.
    pid = os.getpid()
    if pid not in _start_times:
        _start_times[pid] = start_time(pid)
    return _start_times[pid]


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
