"""`mq doctor`: present and possible problems, and the commands that help."""

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from mq.cli.context import Context, current_context
from mq.cli.diagnostics import ExitCode
from mq.cli.output import Column, Format
from mq.cli.topology_files import read_sources
from mq.commands import SingleCommand
from mq.commands.operations.watching import Watch, repeat
from store.model.diagnoses import Diagnosis, Severity
from store.model.text import counted
from store.topology.examination import examine

app = SingleCommand()

_STYLES = {
    Severity.CRITICAL: "bold red",
    Severity.WARNING: "bold yellow",
    Severity.ADVICE: "bold",
    Severity.OK: "green",
}

DIAGNOSES: list[Column[Diagnosis]] = [
    Column("severity", lambda one: one.severity),
    Column("code", lambda one: one.code),
    Column("address", lambda one: one.address),
    Column("evidence", lambda one: one.evidence),
    Column("why", lambda one: one.why),
    Column("do", lambda one: list(one.do)),
]
_FOR_PEOPLE: list[Column[Diagnosis]] = [
    Column("severity", lambda one: one.severity, style=lambda one: _STYLES[one.severity], weight=0),
    Column("address", lambda one: one.address),
    Column("evidence", lambda one: one.evidence),
    Column("do", lambda one: f"{one.do[0]}{' …' if len(one.do) > 1 else ''}" if one.do else ""),
]


@app.command()
def doctor(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE]...", help="Topology files to look at instead; - is stdin."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also why each finding matters.")
    ] = False,
    show_all: Annotated[bool, typer.Option("--all", help="Also checks that are in order.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="No reading of the whole file for damage.")
    ] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 10 at a warning or worse.")
    ] = False,
    watch: Watch = None,
) -> ExitCode:
    """Find what is wrong or may go wrong: where, by which numbers, why it matters, what helps.

    critical: messages are lost, stuck, or about to go. warning: it goes well until something
    happens. advice: it could be better. With FILE it looks at topologies, before they are applied.
    With --watch the file is not read for damage.
    """
    context = current_context()

    def report(found: Sequence[Diagnosis]) -> ExitCode:
        shown = [one for one in found if show_all or one.severity is not Severity.OK]
        _write(context, shown, explain=explain)
        alarms = sum(one.is_alarm for one in found)
        if not shown:
            context.diagnostics.success("nothing found")
        return ExitCode.CONDITION_TRUE if exit_code and alarms else ExitCode.OK

    return _look(context, files or [], watch, report, thorough=not (quick or watch))


def _look(
    context: Context, files: list[str], watch: str | None,
    report: Callable[[Sequence[Diagnosis]], ExitCode], *, thorough: bool,
) -> ExitCode:  # fmt: skip
    if files:
        sources = read_sources(files)
        return repeat(context, watch, lambda: report(examine(sources)))
    with context.open_store() as store:
        return repeat(context, watch, lambda: report(store.doctor(thorough=thorough)))


def _write(context: Context, found: Sequence[Diagnosis], *, explain: bool) -> None:
    output = context.output
    if output.format is not Format.TABLE:
        output.listing(DIAGNOSES, found)
    elif explain:
        for one in found:
            _paragraph(context, one)
    elif found:
        output.listing(_FOR_PEOPLE, found)
        context.diagnostics.success(
            f"{counted(len(found), 'finding')}; --explain says why, and all that mends it"
        )


def _paragraph(context: Context, one: Diagnosis) -> None:
    output = context.output
    output.text(f"{one.severity.upper()}  {one.address}  {one.code}", style=_STYLES[one.severity])
    output.text(f"  {one.evidence}")
    output.text(f"  {one.why}")
    for command in one.do:
        output.text(f"    {command}")
    output.text("")
