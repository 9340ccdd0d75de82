"""The one notation for addresses: `orders`, `orders/2`, `orders/2@4711`, `emails@12`."""

from typing import Literal, NamedTuple

from store.model.errors import BadInput

LONGEST_NAME = 249
EXCHANGE_PREFIX = "exchange:"
"""The prefix of an exchange where it is a destination."""
_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_OTHERS = _FIRST | frozenset("._-")


class Address(NamedTuple):
    """A channel, one of its partitions, or one record; parts without a name are `None`."""

    name: str
    partition: int | None = None
    offset: int | None = None

    def __str__(self) -> str:
        partition = "" if self.partition is None else f"/{self.partition}"
        offset = "" if self.offset is None else f"@{self.offset}"
        return f"{self.name}{partition}{offset}"


def parse_address(text: str) -> Address:
    """Read an address; raises `BadInput`."""
    head, at, offset = text.partition("@")
    name, slash, partition = head.partition("/")
    check_name(name)
    return Address(
        name,
        _number(partition, text) if slash else None,
        _number(offset, text) if at else None,
    )


def check_name(name: str, kind: str = "name") -> str:
    """Return the name; raises `BadInput` when it is not `[A-Za-z0-9][A-Za-z0-9._-]{0,248}`."""
    if not isinstance(name, str):
        raise BadInput(f"a {kind} is text, not {type(name).__name__}")
    if 1 <= len(name) <= LONGEST_NAME and name[0] in _FIRST and _OTHERS.issuperset(name):
        return name
    raise BadInput(
        f"not a usable {kind}: {name!r}",
        hint="names have 1 to 249 of A-Z a-z 0-9 . _ - and begin with a letter or digit",
    )


def _number(text: str, whole: str) -> int:
    # isdecimal() alone would accept digits of other scripts.
    if text.isascii() and text.isdecimal() and len(text) <= 13:
        return int(text)
    raise BadInput(
        f"not an address: {whole!r}",
        hint="addresses are orders, orders/2, orders/2@4711 or emails@12",
    )


Kind = Literal["topic", "queue", "share", "exchange", "group"]
