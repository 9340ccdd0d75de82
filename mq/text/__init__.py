"""What records, messages and dead letters look like as text, both ways."""
