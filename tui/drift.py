"""How far the store is from the topology files that lie beside it or in the working folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from store import BadInput, Store
from store.topology.documents import LARGEST
from store.topology.problems import Problems
from store.topology.reading import Source, read
from store.topology.steps import Plan, Step

_MOST_FILES = 20
_VERSION = re.compile(rb"^version:\s*1\s*(#.*)?$", re.M)
_SECTION = re.compile(rb"^(topics|queues|exchanges|bindings|groups|shares)\s*:", re.M)
_SIGNS = {"create": "+", "change": "~", "delete": "-"}


@dataclass(frozen=True, slots=True)
class Drift:
    """A topology file and the steps from the store to what it says.

    `is_applied` is false when the store has nothing of it; `error` says why it can't be applied.
    """

    file: str
    steps: tuple[Step, ...] = ()
    is_applied: bool = True
    error: str | None = None


def topology_files(store: Store, working: Path) -> list[Path]:
    """The files that declare topologies, beside the store, here, and in `configs` of both."""
    beside = Path(store.path).parent.resolve()
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


def drift_of(working: Path) -> Callable[[Store], list[Drift]]:
    """The question how far the store is from each file; those that are applied come first."""

    def look(store: Store) -> list[Drift]:
        found = [_drift(store, file, working) for file in topology_files(store, working)]
        return sorted(found, key=lambda drift: (not drift.is_applied, not drift.steps, drift.file))

    return look


def _drift(store: Store, file: Path, working: Path) -> Drift:
    name = str(file.relative_to(working) if file.is_relative_to(working) else file)
    try:
        source = Source(name, file.read_bytes())
        plan = store.plan([source])
    except (BadInput, OSError) as error:
        return Drift(name, error=error.message if isinstance(error, BadInput) else str(error))
    return Drift(name, plan.steps, is_applied=not _is_new(plan, source))


def _is_new(plan: Plan, source: Source) -> bool:
    things = len(list(read([source], Problems())))
    return sum(step.action == "create" for step in plan.steps) == things > 0


def step_texts(steps: Sequence[Step]) -> Iterator[tuple[str, str]]:
    """A sign and a sentence for each step: `~`, `queue emails: lease 30s → 45s`."""
    for step in steps:
        changes = ", ".join(
            f"{c.setting} {c.new}" if c.old is None else f"{c.setting} {c.old} → {c.new}"
            for c in step.changes
        )
        is_said = changes and step.kind != "binding"
        risks = f"  ! {'; '.join(step.risks)}" if step.risks else ""
        told = f"{step.kind} {step.name}" + (f": {changes}" if is_said else "")
        yield _SIGNS[step.action], told + risks
