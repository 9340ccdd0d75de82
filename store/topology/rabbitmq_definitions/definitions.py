"""A definitions file as RabbitMQ exports it: read with care, and reduced to one virtual host."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from store.model.errors import BadInput, Hint

LARGEST = 64 << 20
_LISTS = (
    "users", "vhosts", "permissions", "topic_permissions", "parameters", "global_parameters",
    "policies", "operator_policies", "queues", "exchanges", "bindings",
)  # fmt: skip
_OF_A_HOST = ("queues", "exchanges", "bindings")


@dataclass(frozen=True, slots=True)
class Untranslated:
    """A loss of the conversion: its subject, and the reason or the remedy."""

    subject: str
    reason: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.reason}"


@dataclass(slots=True)
class Losses:
    """Collects losses."""

    found: list[Untranslated] = field(default_factory=list)

    def add(self, subject: str, reason: str) -> None:
        """Note one loss."""
        loss = Untranslated(subject, reason)
        if loss not in self.found:
            self.found.append(loss)


class Definitions:
    """The definitions of a file for one virtual host, and those for all of them."""

    def __init__(self, document: dict[str, Any], vhost: str) -> None:
        self.vhost = vhost
        self._document = document

    def of(self, section: str) -> Iterator[dict[str, Any]]:
        """Yield the entries of a section that belong to the virtual host, or to none."""
        for entry in self._document[section]:
            if entry.get("vhost", self.vhost) == self.vhost:
                yield entry

    def named(self, section: str) -> Iterator[dict[str, Any]]:
        """Yield the same entries, only those with a name, each name once."""
        seen: set[str] = set()
        for entry in self.of(section):
            name = entry.get("name", "")
            if name and name not in seen:
                seen.add(name)
                yield entry

    def count(self, section: str) -> int:
        """Return how many entries a section has, of any virtual host."""
        return len(self._document[section])

    def unknown(self) -> list[str]:
        """Return sections that are unknown in definitions files, and not empty."""
        return [
            name
            for name, content in self._document.items()
            if name not in _LISTS and content and isinstance(content, list | dict)
        ]

    @property
    def version(self) -> tuple[int, ...]:
        """The version that wrote the file, (0,) if unknown."""
        text = str(self._document.get("rabbitmq_version", self._document.get("rabbit_version", "")))
        parts = text.split("-")[0].split(".")
        return tuple(int(part) for part in parts if part.isdecimal() and len(part) < 10) or (0,)


def read_definitions(content: bytes, vhost: str | None) -> Definitions:
    """Return the definitions of a virtual host, by default of the only one that has any.

    Raises `BadInput` for a file of another kind, and where a virtual host must be chosen.
    """
    document = _parse(content)
    hosts = sorted({entry.get("vhost", "/") for name in _OF_A_HOST for entry in document[name]})
    if vhost is None and len(hosts) > 1:
        raise BadInput(
            f"the file defines things in {len(hosts)} virtual hosts: {', '.join(hosts)}",
            hint=Hint(f"choose one, which becomes one store: {{vhost {hosts[0]}}}"),
        )
    known = {*hosts, *(str(entry.get("name")) for entry in document["vhosts"])}
    if vhost is not None and vhost not in known:
        raise BadInput(
            f"the file has no virtual host {vhost}", hint=f"it has {', '.join(sorted(known))}"
        )
    return Definitions(document, vhost or (hosts[0] if hosts else "/"))


def _parse(content: bytes) -> dict[str, Any]:
    if len(content) > LARGEST:
        raise BadInput("the definitions file is larger than 64 MiB")
    try:
        document = json.loads(content, parse_constant=_refuse)
        # Half of a surrogate pair and a number like 1e999 can be read, but written nowhere.
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError:
        raise BadInput("the definitions file is nested too deeply") from None
    except ValueError as error:
        raise BadInput(f"the definitions file is not JSON: {error}") from None
    if not isinstance(document, dict) or not any(name in document for name in _OF_A_HOST):
        raise BadInput(
            "this is not a definitions file of RabbitMQ",
            hint="export one: rabbitmqctl export_definitions definitions.json",
        )
    for name in _LISTS:
        document[name] = _entries(document, name)
    return document


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _entries(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    entries = document.get(name) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadInput(f"{name} in the definitions file must be a list of objects")
    for entry in entries:
        for key in ("name", "vhost", "source", "destination"):
            if not isinstance(entry.get(key, ""), str):
                raise BadInput(f"{key} in {name} of the definitions file must be text")
        if not isinstance(entry.get("arguments") or {}, dict):
            raise BadInput(f"arguments in {name} of the definitions file must be an object")
    return entries
