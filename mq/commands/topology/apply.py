"""`mq apply`: make the store what topology files say."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mq.cli.context import Context, current_context
from mq.cli.reporting import DryRun, report_done
from mq.cli.topology_files import Files, Prune, read_sources
from mq.commands import SingleCommand
from mq.commands.topology.steps import STEPS, line, show, summary, warn
from store.model.text import counted
from store.topology.checks import validate
from store.topology.problems import InvalidTopology

if TYPE_CHECKING:
    from store.topology.reading import TopologyFile
    from store.topology.steps import Plan, Step

app = SingleCommand()
_MOST_TOLD = 3


@app.command()
def apply(files: Files, prune: Prune = False, dry_run: DryRun = False) -> None:
    """Make the store what topology files say, in one transaction; create it if there is none.

    All of it is done or nothing, and doing it again does nothing. Steps that `mq plan` marks with !
    and --prune are asked about on a terminal and need --yes off it.
    """
    apply_sources(current_context(), read_sources(files), prune=prune, dry_run=dry_run)


def apply_sources(
    context: Context, sources: "list[TopologyFile]", *, prune: bool = False, dry_run: bool = False
) -> None:
    """Apply topologies, asking about final steps, and report the changes."""
    if context.named_place() is None and not context.store_location().path.exists():
        _refuse_unusable(sources)
    with context.open_store(create=not dry_run) as store:
        planned = store.plan(sources, prune=prune)
        warn(context, planned)
        if dry_run:
            show(context, planned)
            return
        _agree(context, planned, prune)
        # A person who agrees to everything in advance has seen no plan that could be out of date.
        expected = None if context.yes else planned
        with context.diagnostics.progress("apply") as progress:
            done = store.apply(sources, prune=prune, expected=expected, progress=progress.at)
    report_done(context, STEPS, done.steps, summary(done, done=True))


def _refuse_unusable(sources: "list[TopologyFile]") -> None:
    # Otherwise a file that can't be applied would leave an empty store behind.
    problems = validate(sources)
    if any(problem.severity == "error" for problem in problems):
        raise InvalidTopology(problems)


def _agree(context: Context, planned: "Plan", prune: bool) -> None:
    risky = [step for step in planned.steps if step.risks]
    if not risky and not prune:
        return
    if context.diagnostics.is_terminal and not context.yes:
        for step in planned.steps:
            context.diagnostics.relay(line(step))
        context.confirm(f"{counted(len(risky), 'step')} can't be undone.", name=_severe(risky))
        return
    told = "; ".join(line(step) for step in risky[:_MOST_TOLD]) or "it may delete things"
    more = f"; and {len(risky) - _MOST_TOLD} more" if len(risky) > _MOST_TOLD else ""
    context.confirm(f"this can't be undone: {told}{more}")


def _severe(risky: "Sequence[Step]") -> str | None:
    """Return the word to type before messages or records are deleted: the topology's name."""
    for step in risky:
        content = step.facts.get("messages", 0) + step.facts.get("records", 0)
        if step.action == "delete" and content:
            return step.thing.label
    return None
