"""Topics, queues and exchanges in one SQLite file; `Store` is the door to all of them."""

__version__ = "0.1.0"
