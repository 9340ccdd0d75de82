"""The terminal dashboard: poll, show, ask, call the store."""
