"""Index one text; run by `mq work texts -- python index.py`. Doing it twice is as good as once.

The id of the document is the primary key, so a second delivery replaces the row by itself; `runs`
counts how often that happened, which is what a program that is not idempotent would have done.
`python index.py --show` says what the index holds.
"""

from __future__ import annotations

import json
import sqlite3
import sys

INDEX = (
    "insert into texts values (:id, :text, 1)"
    " on conflict (id) do update set text = excluded.text, runs = runs + 1"
)


def main() -> None:
    """Index a text, or show the index."""
    with sqlite3.connect("index.db", timeout=10) as index:
        index.execute("create table if not exists texts (id text primary key, text text, runs int)")
        if "--show" in sys.argv[1:]:
            rows, runs = index.execute("select count(*), total(runs) from texts").fetchone()
            print(f"{rows} documents, indexed {runs:.0f} times")
        else:
            index.execute(INDEX, json.load(sys.stdin))


if __name__ == "__main__":
    main()
