"""The reasons why a binding did not match, in words: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from store.model.exchanges import Binding, ExchangeType
from store.model.text import counted
from store.model.topics import HeaderValue
from store.routing.match import agrees, split_words, typed, usable

Headers = Mapping[str, HeaderValue]


def why_not(binding: Binding, type: ExchangeType, key: str, headers: Headers) -> str:
    """Return why a message with this key and these headers does not take a binding."""
    if type == "headers":
        return _why_not_headers(binding, headers)
    if type == "topic":
        return why_not_pattern(binding.key, key)
    return f"key {key!r} is not {binding.key!r}"


def why_not_pattern(pattern: str, key: str) -> str:
    """Return why a routing key does not match a topic pattern."""
    wanted, words = split_words(pattern), split_words(key)
    if "#" not in wanted:
        return _first_difference(wanted, words) or _other_length(len(wanted), words)
    first, last = wanted.index("#"), len(wanted) - wanted[::-1].index("#")
    least = sum(word != "#" for word in wanted)
    return (
        _first_difference(wanted[:first], words)
        or (
            f"the key has {counted(len(words), 'word')}, at least {least} are needed"
            if len(words) < least
            else ""
        )
        or _first_difference(wanted[last:], words, from_end=True)
        or f"nothing in between is {'.'.join(wanted[first:last])!r}"
    )


def _first_difference(
    wanted: Sequence[str], words: Sequence[str], *, from_end: bool = False
) -> str:
    before = len(words) - len(wanted) if from_end else 0
    for number, (want, word) in enumerate(zip(wanted, words[before:], strict=False), before + 1):
        if want not in {"*", word}:
            return f"word {number} {word!r} is not {want!r}"
    return ""


def _other_length(wanted: int, words: Sequence[str]) -> str:
    return f"the key has {counted(len(words), 'word')}, not {wanted}"


def _why_not_headers(binding: Binding, headers: Headers) -> str:
    compared = usable(binding.headers, binding.match)
    if not compared:
        return "it names no header, and any of none never matches"
    reasons = [
        _why_not_header(headers, name, wanted)
        for name, wanted in compared.items()
        if not agrees(headers, name, wanted)
    ]
    return reasons[0] if binding.match.startswith("all") else "; ".join(reasons)


def _why_not_header(headers: Headers, name: str, wanted: HeaderValue) -> str:
    if name not in headers:
        return f"header {name} missing"
    given = headers[name]
    if typed(given)[0] == typed(wanted)[0]:
        return f"{name} is {_plain(given)}, not {_plain(wanted)}"
    return f"{name} is {_with_type(given)}, not {_with_type(wanted)}"


def _plain(value: HeaderValue) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _with_type(value: HeaderValue) -> str:
    kind, _ = typed(value)
    if kind in {"boolean", "null"}:
        return "null" if value is None else _plain(value)
    return f"the {kind} {value!r}"
