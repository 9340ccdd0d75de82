"""The text forms of records, messages and dead letters, both ways."""
