"""Headers as they are typed on a command line, and what a header may be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mq.cli.output import to_json
from mq.text.strict_json import parse_json
from store.model.errors import BadInput
from store.model.topics import HeaderValue

_INT64 = range(-(2**63), 2**63)


def parse_headers(items: Sequence[str]) -> dict[str, HeaderValue]:
    """Read `-H name=text`, `-H name:=JSON` (typed) and `-H name` (present, null)."""
    headers: dict[str, HeaderValue] = {}
    for item in items:
        name, equals, text = item.partition("=")
        typed = bool(equals) and name.endswith(":")
        name = name.removesuffix(":") if typed else name
        if not name:
            raise BadInput(f"the header {item!r} has no name", hint="write it as name=text")
        if name in headers:
            raise BadInput(f"the header {name} is given twice")
        if typed:
            headers[name] = _typed_header(name, text)
        else:
            headers[name] = text if equals else None
    return headers


def format_header(name: str, value: HeaderValue) -> str:
    """Write a header the way `parse_headers` reads it."""
    if value is None:
        return name
    return f"{name}={value}" if isinstance(value, str) else f"{name}:={header_json(value)}"


def header_json(value: HeaderValue) -> str:
    """Write a header's value as JSON, bytes as `{"base64": "…"}`."""
    return to_json(plain_value(value))


def plain_value(value: HeaderValue) -> Any:
    """Return a header's value as JSON has it, bytes as `{"base64": "…"}`."""
    if value is None or isinstance(value, str | int | float):
        return value
    from store.model.header_values import to_plain

    return to_plain("a header", value)


def check_header(name: str, value: Any) -> HeaderValue:
    """Return a JSON value as that of a header; raises BadInput for one that none can have."""
    if isinstance(value, dict | list):
        from store.model.header_values import from_plain, to_plain

        structured = from_plain(value)
        to_plain(f"header {name}", structured)
        return structured
    if isinstance(value, int) and value not in _INT64:
        raise BadInput(f"the header {name} is a number beyond 64 bits")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadInput(f"the header {name} is a number beyond what can be stored")
    encode(f"header {name!r}", name + value if isinstance(value, str) else name)
    result: HeaderValue = value
    return result


def encode(name: str, text: str | None, hint: str = "") -> bytes | None:
    """Encode a text from JSON, which may hold what UTF-8 can't; then it raises BadInput."""
    try:
        return None if text is None else text.encode()
    except UnicodeEncodeError:
        problem = f"the {name} has half of a surrogate pair, which UTF-8 can't hold"
        raise BadInput(problem, hint) from None


def _typed_header(name: str, text: str) -> HeaderValue:
    try:
        value = parse_json(text)
    except BadInput as error:
        raise BadInput(
            f"the header {name}: {error.message}", hint=f"{name}={text} is plain text"
        ) from None
    checked = check_header(name, value)
    if isinstance(checked, dict | list):
        raise BadInput(
            f"the header {name} is not a single value",
            hint="lists and tables come in envelopes: --framing ndjson",
        )
    return checked
