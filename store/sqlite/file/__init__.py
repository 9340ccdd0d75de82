"""One file, many processes: connections, transactions, the lock, the schema and its migrations.

Writes mq_store (drafts, files, losses, store_settings, store_time, timekeeping, transactions) and
mq_clock (files, store_time, timekeeping).
"""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqlite.file import (
        apart as apart,
        bell as bell,
        connections as connections,
        copier as copier,
        database as database,
        drafts as drafts,
        files as files,
        futex as futex,
        lock_waiting as lock_waiting,
        lockfile as lockfile,
        log_readers as log_readers,
        long_log as long_log,
        losses as losses,
        meanings as meanings,
        migrations as migrations,
        probing as probing,
        reserve as reserve,
        settings as settings,
        store_settings as store_settings,
        store_time as store_time,
        timekeeping as timekeeping,
        transactions as transactions,
        turns as turns,
        waiting as waiting,
    )
else:
    __getattr__ = on_demand(__name__)
