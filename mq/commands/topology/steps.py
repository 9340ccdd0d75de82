"""The steps of a plan in listings: a line each for people, all fields for programs."""

from __future__ import annotations

from mq.cli.context import Context
from mq.cli.output import Column
from store.model.text import counted
from store.topology.steps import Change, Plan, Step

_SYMBOLS = {"create": "+", "change": "~", "delete": "-"}
_DONE = {"create": "created", "change": "changed", "delete": "deleted"}


def _changes(step: Step) -> list[dict[str, str | None]]:
    return [{"setting": c.setting, "old": c.old, "new": c.new} for c in step.changes]


STEPS: list[Column[Step]] = [
    Column("name", lambda step: step.name, weight=2),
    Column("action", lambda step: step.action),
    Column("kind", lambda step: step.kind),
    Column("changes", _changes, text=lambda step: _sentence(step)),
    Column("irreversible", lambda step: bool(step.risks), text=lambda s: "!" if s.risks else ""),
    Column("risks", lambda step: list(step.risks), text=lambda step: "; ".join(step.risks)),
    Column("facts", lambda step: dict(step.facts), text=lambda step: _facts(step)),
]


def line(step: Step) -> str:
    """Return one step for people: `~ change queue emails: lease 30s → 45s`; behind `!` why it is
    risky.
    """
    told = f"{_SYMBOLS[step.action]} {step.action} {step.kind} {step.name}"
    if sentence := _sentence(step):
        told += f": {sentence}"
    if step.action != "create" and (facts := _facts(step)):
        told += f" ({facts})"
    return f"{told} ! {'; '.join(step.risks)}" if step.risks else told


def _sentence(step: Step) -> str:
    if step.kind == "binding":
        # Its name is all of it.
        return ""
    return ", ".join(map(_change, step.changes))


def _change(change: Change) -> str:
    if change.old is None:
        return f"{change.setting} {change.new}"
    return f"{change.setting} {change.old} → {change.new}"


def _facts(step: Step) -> str:
    return ", ".join(f"{what.replace('_', ' ')} {number:,}" for what, number in step.facts.items())


def show(context: Context, plan: Plan) -> None:
    """Write the steps in the format asked for; without one, a line each."""
    if context.format is not None:
        context.output.listing(STEPS, plan.steps)
        return
    for step in plan.steps:
        context.output.text(line(step))


def warn(context: Context, plan: Plan) -> None:
    """Warn of possible mistakes, and of things that pass from one topology to another."""
    for problem in plan.warnings:
        context.diagnostics.problem(str(problem))
    if plan.taken_over:
        names = ", ".join(dict.fromkeys(str(thing.label) for thing in plan.taken_over))
        taken = counted(len(plan.taken_over), "thing")
        context.diagnostics.note(f"{taken} of other topologies will belong to {names}")


def summary(plan: Plan, *, done: bool) -> str:
    """Return a plan in a sentence: `2 to create, 1 to change`."""
    counts = []
    for action in _SYMBOLS:
        number = sum(step.action == action for step in plan.steps)
        if number:
            counts.append(f"{number:,} {_DONE[action] if done else f'to {action}'}")
    risky = sum(bool(step.risks) for step in plan.steps)
    if risky and not done:
        counts.append(f"{counted(risky, 'step')} marked ! can't be undone")
    return ", ".join(counts) or "no changes"
