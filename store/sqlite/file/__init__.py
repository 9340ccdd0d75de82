"""One file, many processes: connections, transactions, the lock, the schema and its migrations.

Writes mq_store (drafts, files, losses, store_settings, store_time, timekeeping, transactions) and
mq_clock (files, store_time, timekeeping).
"""
