"""Files to a topology: known keys, readable settings, and every problem by place."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath

from store.model.encoding import encode_headers
from store.model.errors import BadInput, NotFound
from store.model.topics import HeaderValue
from store.topology import documents, per_engine
from store.topology.documents import Mapping, Node, Scalar
from store.topology.kinds import BINDING_KIND, KINDS, Kind, binding_name, headers_text
from store.topology.model import Resource, Topology
from store.topology.problems import Problems, SourcePosition

_SECTIONS = {kind.section: kind for kind in KINDS.values()}
_KEYS = ["version", "name", *_SECTIONS]
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, HeaderValue] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TopologyFile:
    """A topology file: its name as given, and its bytes."""

    file: str
    content: bytes

    @classmethod
    def of(
        cls, given: TopologyFile | str | os.PathLike[str], most: int = documents.LARGEST
    ) -> TopologyFile:
        """Return a source as it is, or the file at a path, of which `most` bytes can be used."""
        if isinstance(given, TopologyFile):
            return given
        path = os.fspath(given)
        try:
            with open(path, "rb") as opened:
                # One byte too many is enough to refuse a file for its size.
                return cls(path, opened.read(most + 1))
        except FileNotFoundError:
            raise NotFound(f"there is no file {path}") from None
        except OSError as error:
            raise BadInput(f"{path} can't be read: {error.strerror}") from None

    @property
    def label(self) -> str | None:
        """The default name of its topology: that of the file."""
        return PurePath(self.file).stem if self.file != STANDARD_INPUT else None


STANDARD_INPUT = "<stdin>"


def read(
    sources: Sequence[TopologyFile], problems: Problems, engine: str = per_engine.FILE
) -> Topology:
    """Return the declarations of all files together; their problems are added to `problems`.

    Of settings that are for one engine only those of `engine` count.
    """
    things: dict[tuple[str, str], Resource] = {}
    labels = set()
    for source in sources:
        label, declared = _FileReader(source, problems, engine).read()
        if label is not None:
            labels.add(label)
        for thing in declared:
            first = things.setdefault((thing.kind, thing.name), thing)
            if first is not thing:
                problems.error(
                    thing.place,
                    f"{thing.kind} {thing.name} is declared twice; first at {first.place}",
                )
    return Topology(things.values(), labels)


class _FileReader:
    """Reads one file."""

    def __init__(self, source: TopologyFile, problems: Problems, engine: str) -> None:
        self._source = source
        self._engine = engine
        self._problems = problems
        self._label = source.label

    def read(self) -> tuple[str | None, list[Resource]]:
        file = self._source.file
        root = documents.read_document(file, self._source.content, self._problems)
        if root is None:
            return self._label, []
        if not isinstance(root, Mapping):
            self._problems.error(root.place, "a topology is a mapping that begins with version: 1")
            return self._label, []
        self._read_head(root)
        things = [
            thing
            for key, node in root.entries.values()
            if (kind := self._section_kind(key)) is not None
            for thing in self._section(kind, node)
        ]
        return self._label, things

    def _section_kind(self, key: Scalar) -> Kind | None:
        if self._is_known(key, _KEYS):
            return _SECTIONS.get(key.text)
        # Check the contents of a section whose name has a typo as well.
        near = [section for section in _SECTIONS if section[:3] == key.text[:3]]
        return _SECTIONS[near[0]] if near else None

    def _read_head(self, root: Mapping) -> None:
        version = root.entries.get("version")
        if version is None:
            self._problems.error(root.place, "the version is missing: begin with version: 1")
        elif (text := self._text(version[1], "version")) is not None and text != "1":
            self._problems.error(version[1].place, f"version {text!r} is not known; this is 1")
        if name := root.entries.get("name"):
            self._label = self._text(name[1], "name") or self._label

    def _section(self, kind: Kind, node: Node) -> Iterator[Resource]:
        if _is_nothing(node):
            return
        if kind is BINDING_KIND:
            yield from self._bindings(node)
        elif not isinstance(node, Mapping):
            self._problems.error(node.place, f"{kind.section} is a mapping of names")
        else:
            for key, value in node.entries.values():
                if (thing := self._thing(kind, key, value)) is not None:
                    yield thing

    def _thing(self, kind: Kind, key: Scalar, node: Node) -> Resource | None:
        if _is_nothing(node):
            node = Mapping(key.place, {})
        if not isinstance(node, Mapping):
            self._problems.error(
                node.place, f"{kind.name} {key.text} needs a mapping of settings, or {{}}"
            )
            return None
        return self._declared(kind, key.text, key.place, node)

    def _bindings(self, node: Node) -> Iterator[Resource]:
        if not isinstance(node, documents.Sequence):
            self._problems.error(node.place, "bindings is a list of {from: …, to: …, key: …}")
            return
        for item in node.items:
            if not isinstance(item, Mapping):
                self._problems.error(item.place, "a binding is {from: …, to: …, key: …}")
            elif (binding := self._declared(BINDING_KIND, "", item.place, item)) is not None:
                yield binding

    def _declared(
        self, kind: Kind, name: str, place: SourcePosition, node: Mapping
    ) -> Resource | None:
        before = len(self._problems.found)
        native = per_engine.native(node, self._engine)
        node = per_engine.for_engine(
            kind.name, node, self._engine, self._problems, partial(self._settings, kind)
        )
        given = self._settings(kind, node)
        for setting in kind.required:
            if setting not in node.entries:
                self._problems.error(
                    place, f"{kind.name} {name} needs {setting}".replace("  ", " ")
                )
        sound = len(self._problems.found) == before
        if kind is BINDING_KIND and not sound:
            return None
        settings = kind.complete(given)
        places = {key.text: value.place for key, value in node.entries.values()}
        if kind is BINDING_KIND:
            name = binding_name(settings)
        thing = Resource(kind.name, name, settings, self._label, place, places, native)
        # An unsound thing still exists for those that refer to it.
        if sound:
            self._check(kind, thing)
        return thing

    def _check(self, kind: Kind, thing: Resource) -> None:
        try:
            kind.check(thing.name, thing.settings)
        except BadInput as error:
            # Such an error may begin with the setting that it is about.
            self._problems.refuse(thing.place_of(error.message.split(" ")[0]), error)

    def _settings(self, kind: Kind, node: Mapping) -> dict[str, str]:
        given: dict[str, str] = {}
        for key, value in node.entries.values():
            if self._is_known(key, kind.notations):
                text = self._setting(kind, key.text, value)
                if text is not None:
                    given[key.text] = text
        return given

    def _setting(self, kind: Kind, name: str, node: Node) -> str | None:
        if name == "headers":
            return self._headers(node)
        many = kind.notations[name].many
        text = self._list(node, name) if many else self._text(node, name)
        if text is None:
            return None
        if not text and isinstance(node, Scalar) and node.plain:
            why = f"{name} is empty: leave it out, and it has its default"
            if name in ("key", "dlq_key"):
                why = f'the {name} is empty: a bare # begins a comment in YAML, quote it: "#"'
            self._problems.error(node.place, why)
            return None
        try:
            return kind.canonical(name, text)
        except BadInput as error:
            self._problems.refuse(node.place, BadInput(f"{name}: {error.message}", error.hint))
            return None

    def _list(self, node: Node, name: str) -> str | None:
        if isinstance(node, documents.Sequence):
            texts = [self._text(item, name) for item in node.items]
            known = [text for text in texts if text is not None]
            return (",".join(known) or "none") if len(known) == len(texts) else None
        return self._text(node, name)

    def _text(self, node: Node, name: str) -> str | None:
        if isinstance(node, Scalar):
            return node.text
        self._problems.error(node.place, f"{name} is one value, not {_described(node)}")
        return None

    def _headers(self, node: Node) -> str | None:
        if not isinstance(node, Mapping):
            self._problems.error(node.place, "headers is a mapping of names to values")
            return None
        headers: dict[str, HeaderValue] = {}
        for key, value in node.entries.values():
            if isinstance(value, Scalar):
                try:
                    headers[key.text] = typed(value.text, plain=value.plain)
                except BadInput as error:
                    self._problems.refuse(value.place, error)
            else:
                self._problems.error(value.place, "a header is text, a number, true, false or null")
        try:
            encode_headers(headers)
        except BadInput as error:
            self._problems.refuse(node.place, error)
        return headers_text(headers)

    def _is_known(self, key: Scalar, known: Iterable[str]) -> bool:
        if key.text in known:
            return True
        near = self._problems.suggestion(key.text, known) or f"; known are {', '.join(known)}"
        self._problems.error(key.place, f"unknown key '{key.text}'{near}")
        return False


def typed(text: str, *, plain: bool) -> HeaderValue:
    """Return a header value by the core schema of YAML 1.2; yes, no, on and off are text.

    Raises `BadInput` for a number that can't be kept.
    """
    if not plain:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise BadInput(f"the number {text[:40]} is too large")
        return number
    return text


def _integer(text: str) -> int:
    if len(text) > 40:
        raise BadInput(f"a number of {len(text)} digits is too large: it is beyond 64 bits")
    # YAML 1.2 has 0o17 for octal numbers; 017 is seventeen.
    number = int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if not -(2**63) <= number < 2**63:
        raise BadInput(f"the number {text} is beyond 64 bits")
    return number


def _is_nothing(node: Node) -> bool:
    return isinstance(node, Scalar) and node.plain and node.text in ("", "~", "null")


def _described(node: Node) -> str:
    return "a mapping" if isinstance(node, Mapping) else "a list"
