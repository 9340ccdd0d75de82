"""Parts of a thing that are for one engine: `only`, and a block of native settings by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from store.topology.documents import Mapping, Node, Scalar
from store.topology.problems import Problems

FILE = "sqlite"
ONLY = "only"
# A file is called by what a person sees of it, too.
_NAMES = {FILE: FILE, "file": FILE, "rabbitmq": "rabbitmq", "kafka": "kafka", "sqs": "sqs"}
# The native settings of kinds, on the engines that there are; those of others can't be judged.
_NATIVE: dict[str, dict[str, tuple[str, ...]]] = {
    FILE: {},
    "rabbitmq": {},
    "kafka": {"topic": ("replicas",)},
}


def for_engine(
    kind: str, node: Mapping, engine: str, problems: Problems, check: Callable[[Mapping], object]
) -> Mapping:
    """Return the settings of a thing on an engine: the common ones, and over them its own.

    `check` is called with the parts for other engines, so that a slip in them is found on any.
    """
    entries = {
        key: entry for key, entry in node.entries.items() if key != ONLY and key not in _NAMES
    }
    for key, (_, value) in node.entries.items():
        if key in _NAMES:
            _check_native(kind, _NAMES[key], value, problems)
    for name, block in _parts(node, problems):
        if name == engine:
            entries |= block.entries
        else:
            check(block)
    return Mapping(node.place, entries)


def native(node: Mapping, engine: str) -> dict[str, str]:
    """Return the settings in the block of an engine, as `kafka.replicas`: only it knows them."""
    found: dict[str, str] = {}
    for key, (_, block) in node.entries.items():
        if _NAMES.get(key) == engine and isinstance(block, Mapping):
            found |= {
                f"{engine}.{name.text}": value.text
                for name, value in block.entries.values()
                if isinstance(value, Scalar)
            }
    return found


def _parts(node: Mapping, problems: Problems) -> Iterator[tuple[str, Mapping]]:
    if ONLY not in node.entries:
        return
    _, value = node.entries[ONLY]
    if not isinstance(value, Mapping):
        problems.error(value.place, "only is a mapping of engines to settings")
        return
    for key, block in value.entries.values():
        if key.text not in _NAMES:
            known = problems.suggestion(key.text, _NAMES) or f"; known are {', '.join(_NAMES)}"
            problems.error(key.place, f"unknown engine '{key.text}'{known}")
        elif not isinstance(block, Mapping):
            problems.error(block.place, f"{key.text} needs a mapping of settings, or {{}}")
        else:
            yield _NAMES[key.text], block


def _check_native(kind: str, engine: str, node: Node, problems: Problems) -> None:
    if not isinstance(node, Mapping):
        problems.error(node.place, f"{engine} needs a mapping of its own settings, or {{}}")
        return
    known = _NATIVE[engine].get(kind, ()) if engine in _NATIVE else None
    for key, value in node.entries.values():
        if known is not None and key.text not in known:
            problems.error(key.place, f"{engine} has no setting of its own '{key.text}'")
        elif not isinstance(value, Scalar):
            problems.error(value.place, f"{key.text} is one value")
