"""The difference between the store and the topology files beside it or in the working folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from store import BadInput
from store.engine.broker import Broker
from store.engine.topologies import Topologies
from store.topology.documents import LARGEST
from store.topology.problems import Problems
from store.topology.reading import TopologyFile, read
from store.topology.steps import Step

_MOST_FILES = 20
_VERSION = re.compile(rb"^version:\s*1\s*(#.*)?$", re.M)
_SECTION = re.compile(rb"^(topics|queues|exchanges|bindings|groups|shares)\s*:", re.M)
_SIGNS = {"create": "+", "change": "~", "delete": "-"}


@dataclass(frozen=True, slots=True)
class Drift:
    """A topology file and the steps from the store to it.

    `is_applied` is false when nothing in the store belongs to it; `error` says why the steps are
    unknown.
    """

    file: str
    steps: tuple[Step, ...] = ()
    is_applied: bool = True
    error: str | None = None


def topology_files(store: Broker, working: Path) -> list[Path]:
    """Return the topology files beside the store, here, and in `configs` of both."""
    beside = Path(store.location).parent.resolve()
    folders = [folder for base in (beside, working) for folder in (base, base / "configs")]
    found = {
        file.resolve(): file
        for folder in folders
        for file in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])
    }
    return [file for file in found.values() if _is_topology(file)][:_MOST_FILES]


def _is_topology(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            head = opened.read(LARGEST)
    except OSError:
        return False
    return bool(_VERSION.search(head) and _SECTION.search(head))


def drift_of(working: Path) -> Callable[[Broker], list[Drift]]:
    """Return the question for the difference to each file, applied files first."""

    def look(store: Broker) -> list[Drift]:
        applied = store.topologies()
        files = topology_files(store, working)
        found = [_drift(store, file, _name(file, working), applied) for file in files]
        return sorted(found, key=lambda drift: (not drift.is_applied, not drift.steps, drift.file))

    return look


def _name(file: Path, working: Path) -> str:
    return str(file.relative_to(working) if file.is_relative_to(working) else file)


def _drift(store: Topologies, file: Path, name: str, applied: set[str]) -> Drift:
    try:
        source = TopologyFile(name, file.read_bytes())
    except OSError as error:
        return Drift(name, error=error.strerror)
    is_applied = bool(read([source], Problems()).labels & applied)
    try:
        steps = store.plan([source]).steps
    except BadInput as error:
        return Drift(name, is_applied=is_applied, error=error.message)
    return Drift(name, steps, is_applied=is_applied or not steps)


def step_texts(steps: Sequence[Step]) -> Iterator[tuple[str, str]]:
    """Yield a sign and a sentence for each step: `~`, `queue emails: lease 30s → 45s`."""
    for step in steps:
        changes = ", ".join(
            f"{c.setting} {c.new}" if c.old is None else f"{c.setting} {c.old} → {c.new}"
            for c in step.changes
        )
        is_said = changes and step.kind != "binding"
        risks = f"  ! {'; '.join(step.risks)}" if step.risks else ""
        told = f"{step.kind} {step.name}" + (f": {changes}" if is_said else "")
        yield _SIGNS[step.action], told + risks
