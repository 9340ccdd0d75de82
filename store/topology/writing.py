"""A topology as a file: in one order, only settings that differ from the defaults."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from store.model.topics import HeaderValue
from store.topology.kinds import BINDING_KIND, KINDS, Kind
from store.topology.model import Resource, Topology

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
# Text that some reader of YAML takes for a number, a date, a truth or nothing.
_TYPED = re.compile(r"[0-9.].*|y|n|yes|no|on|off|true|false|null|nan|inf", re.IGNORECASE)
_UNITS = re.compile(r"[0-9]+(ms|s|m|h|d|[KMGT]i?B|B)?")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def document(topology: Topology) -> dict[str, Any]:
    """Return the file as plain values: a mapping by section, names and settings."""
    sections: dict[str, Any] = {"version": 1}
    for kind in KINDS.values():
        things = sorted(topology.of(kind.name), key=lambda thing: thing.name)
        if not things:
            continue
        written = {thing.name: _values(kind, thing) for thing in things}
        sections[kind.section] = list(written.values()) if kind is BINDING_KIND else written
    return sections


def yaml(topology: Topology) -> str:
    """Return the file as YAML; the same for the same topology."""
    return yaml_of(document(topology))


def yaml_of(document: Mapping[str, Any]) -> str:
    """Return sections as a file has them, as YAML with a line for each thing."""
    lines = []
    for section, content in document.items():
        if section == "version":
            lines.append(f"version: {content}")
        elif isinstance(content, list):
            lines.append(f"{section}:")
            lines += [f"  - {flow(item)}" for item in content]
        else:
            lines.append(f"{section}:")
            lines += [f"  {_text(name)}: {flow(item)}" for name, item in content.items()]
    return "\n".join(lines)


def _values(kind: Kind, thing: Resource) -> dict[str, Any]:
    named = kind.named(thing.settings)
    values: dict[str, Any] = {
        name: _value(kind, name, thing.settings[name])
        for name in kind.notations
        if name in named or (name in thing.places and name in thing.settings)
    }
    return values if not thing.native else {**values, **_native(thing.native)}


def _native(blocks: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, text in blocks.items():
        engine, _, setting = name.partition(".")
        found.setdefault(engine, {})[setting] = int(text) if text.isdecimal() else text
    return found


def _value(kind: Kind, setting: str, text: str) -> Any:
    if setting == "headers":
        return json.loads(text)
    if text in ("true", "false") and kind.defaults.get(setting) in ("true", "false"):
        return text == "true"
    notation = kind.notations[setting]
    if notation.many and text != notation.nothing and ("," in text or notation.nothing):
        return text.split(",")
    return int(text) if notation.whole and text != notation.nothing else text


def flow(value: Any) -> str:
    """Return plain values as YAML in one line, the same values for every reader of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return _text(value) if isinstance(value, str) else _scalar(value)


def _scalar(value: HeaderValue) -> str:
    return json.dumps(value)


def _text(text: str) -> str:
    """Return text that every reader of YAML takes for text, quoted where needed."""
    if _UNITS.fullmatch(text) and not text.isdecimal():
        return text
    if _SAFE.fullmatch(text) and not _TYPED.fullmatch(text):
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
