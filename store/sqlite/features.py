"""The features of a store in a file: it has all of them."""

import sqlite3
from functools import cache

from store.engine.features import NATIVE, Feature, Features

ENGINE = "sqlite"


@cache
def features() -> Features:
    """Return the features of a file."""
    return Features(ENGINE, sqlite3.sqlite_version, dict.fromkeys(Feature, NATIVE))
