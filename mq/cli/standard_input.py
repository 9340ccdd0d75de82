"""Standard input, which the caller may have closed: Python then has None for it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from store.model.errors import BadInput

if TYPE_CHECKING:
    from typing import BinaryIO


def is_typed() -> bool:
    """Return whether a person types the input."""
    return sys.stdin is not None and sys.stdin.isatty()


def standard_input() -> BinaryIO:
    """Return the stream of input; raises BadInput where it was closed."""
    require_open()
    return sys.stdin.buffer


def require_open() -> None:
    """Raise BadInput where it was closed: SQLite may have put another file on descriptor 0."""
    if sys.stdin is None:
        raise BadInput("stdin is closed", hint="name a file, or let it come from one: < FILE")
