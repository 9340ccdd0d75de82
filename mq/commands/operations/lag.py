"""`mq lag`: the lag of groups and shares."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from mq.cli.context import current_context
from mq.cli.diagnostics import ExitCode
from mq.cli.output import Format
from mq.commands import SingleCommand
from mq.commands.operations.lag_columns import stalled_places, write_lag
from mq.commands.operations.watching import Watch, repeat
from store.model.errors import BadInput
from store.model.groups import GroupConfig, Lag
from store.model.text import parse_duration

if TYPE_CHECKING:
    from store.engine.groups import Groups

app = SingleCommand()

Judge = Callable[[Lag], bool]


@app.command()
def lag(
    group: Annotated[str | None, typer.Argument(metavar="GROUP|SHARE")] = None,
    topic: Annotated[str | None, typer.Option(metavar="T", help="Only this topic.")] = None,
    over: Annotated[
        str | None,
        typer.Option(metavar="N|DURATION", help="Only rows behind by more records, or longer."),
    ] = None,
    exit_code: Annotated[
        bool,
        typer.Option(
            "--exit-code",
            help="Exit 10 if a row exceeds --over or its objectives.",
        ),
    ] = False,
    watch: Watch = None,
) -> ExitCode:
    """Show how far each group and share is behind in each partition.

    The lag is the end of the partition minus the committed offset; its age is that of the oldest
    unread record. A share's lag is the end minus its finished records (KIP-1226), and `committed`
    is the start of its window: its first unfinished record.
    """
    context = current_context()
    limit = None if over is None else _limit(over)

    def show() -> ExitCode:
        if limit is not None:
            rows = [row for row in store.lag(group, topic) if limit(row)]
            alarm = bool(rows)
        elif exit_code:
            rows, alarm = _judged(store, group, topic)
        else:
            rows, alarm = store.lag(group, topic), False
        is_table = context.output.format is Format.TABLE
        write_lag(context.output, rows, stalled_places(store.stalls()) if is_table else set())
        return ExitCode.CONDITION_TRUE if alarm and exit_code else ExitCode.OK

    with context.open_store() as store:
        return repeat(context, watch, show)


def _limit(text: str) -> Judge:
    if text.isascii() and text.isdecimal() and len(text) <= 15:
        most = int(text)
        return lambda row: row.lag > most
    try:
        seconds = parse_duration(text) / 1000
    except BadInput:
        raise BadInput(
            f"--over {text!r} is neither a number of records nor a duration",
            hint="--over 1000, or --over 5m",
        ) from None
    return lambda row: row.lag_seconds is not None and row.lag_seconds > seconds


def _judged(store: "Groups", group: str | None, topic: str | None) -> tuple[list[Lag], bool]:
    """Return all rows, and whether one of them is over what its group allows."""
    rows = store.lag(group, topic)
    objectives = {status.name: status.config for status in store.groups()}
    is_alarm = any(_is_over(row, objectives[row.group]) for row in rows if row.group in objectives)
    return rows, is_alarm


def _is_over(row: Lag, objectives: GroupConfig) -> bool:
    records, time = objectives.max_lag, objectives.max_lag_time
    if records is not None and row.lag > records:
        return True
    # An unknown age can't be judged.
    return time is not None and row.lag_seconds is not None and row.lag_seconds * 1000 > time
