"""The one notation for addresses: `orders`, `orders/2`, `orders/2@4711`, `emails@12`.

A name has characters that mean nothing to an address, a shell, SQL or YAML. Any other one is
quoted in it as in a URL, so that `celery@host` of another system is `celery%40host` everywhere.
"""

from typing import Literal, NamedTuple

from store.model.errors import BadInput

LONGEST_NAME = 249
EXCHANGE_PREFIX = "exchange:"
"""The prefix of an exchange where it is a destination."""
LONGEST_QUOTED_NAME = 255
"""The most bytes that a name with quoted characters stands for (AMQP: short string)."""
_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_OTHERS = _FIRST | frozenset(".-")


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
    """Return the name; raises `BadInput` when it is not `[A-Za-z0-9_][A-Za-z0-9._-]{0,248}`, with
    quoted characters or without.
    """
    if not isinstance(name, str):
        raise BadInput(f"a {kind} is text, not {type(name).__name__}")
    if 1 <= len(name) <= LONGEST_NAME and name[0] in _FIRST and _OTHERS.issuperset(name):
        return name
    if "%" in name and _is_quoted(name):
        return name
    raise BadInput(
        f"not a usable {kind}: {name!r}",
        hint=f"names have 1 to {LONGEST_NAME} of A-Z a-z 0-9 . _ - and begin with a letter, digit"
        f" or _{_way_to_quote(name)}",
    )


def quote_name(text: str) -> str:
    """Return the name that stands for a name of another system; raises `BadInput`.

    That may be any printable text of at most 255 bytes. A name that needs no quotes stays as it is.
    """
    if not _is_quotable(text):
        raise BadInput(
            f"not a usable name: {text!r:.100}",
            hint=f"names are printable and have 1 to {LONGEST_QUOTED_NAME} bytes",
        )
    return check_name(_quoted(text))


def unquote_name(name: str) -> str:
    """Return the name of another system that a name stands for."""
    if "%" not in name:
        return name
    from urllib.parse import unquote

    return unquote(name, errors="strict")


def _quoted(text: str) -> str:
    first, *others = text.encode()
    return _character(first, _FIRST) + "".join(_character(byte, _OTHERS) for byte in others)


def _character(byte: int, plain: frozenset[str]) -> str:
    return chr(byte) if chr(byte) in plain else f"%{byte:02X}"


def _is_quotable(text: str) -> bool:
    return text.isprintable() and 1 <= len(text.encode()) <= LONGEST_QUOTED_NAME


def _is_quoted(name: str) -> bool:
    """Return whether a name is quoted as `quote_name` does it: there is no second way to write
    it.
    """
    try:
        text = unquote_name(name)
        return _is_quotable(text) and _quoted(text) == name
    except UnicodeError:
        return False


def _way_to_quote(name: str) -> str:
    try:
        return f"; write it as {_quoted(name)}" if _is_quotable(name) else ""
    except UnicodeError:
        return ""


def _number(text: str, whole: str) -> int:
    # isdecimal() alone would accept digits of other scripts.
    if text.isascii() and text.isdecimal() and len(text) <= 13:
        return int(text)
    raise BadInput(
        f"not an address: {whole!r}",
        hint="addresses are orders, orders/2, orders/2@4711 or emails@12",
    )


Kind = Literal["topic", "queue", "share", "exchange", "group"]
