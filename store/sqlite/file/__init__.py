"""One file, many processes: connections, transactions, the lock, the schema and its migrations."""
