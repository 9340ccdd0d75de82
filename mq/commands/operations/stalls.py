"""`mq stalls`: the blocking record or message, the cause, since when, and the ways out."""

from typing import Annotated

import typer

from mq.cli.context import current_context
from mq.cli.diagnostics import ExitCode
from mq.commands import SingleCommand
from mq.commands.operations.stall_columns import write_explanations, write_stalls
from mq.commands.operations.watching import Watch, repeat
from store.model.addresses import parse_address
from store.model.text import parse_duration

app = SingleCommand()


@app.command()
def stalls(
    over: Annotated[
        str, typer.Option(metavar="DURATION", help="Time without movement that counts as a stall.")
    ] = "30s",
    idle_after: Annotated[
        str,
        typer.Option(
            metavar="DURATION",
            help="Age of the oldest record in a partition without member.",
        ),
    ] = "1h",
    explain: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Record, message or partition: what it blocks, what blocks it.",
        ),
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 10 if anything is stalled.")
    ] = False,
    watch: Watch = None,
) -> ExitCode:
    """Show what is stuck: the message that blocks others, why, since when, and the way out.

    A group is stalled at the record that it can't commit, a FIFO queue at the first message of a
    message group, a share at the first record of a window that is full. The cause is held (its
    holder is slow), abandoned (its holder is gone), poison (it fails again and again), damaged (it
    differs from its checksum, and is never handed out) or unassigned (no reader reads it). Lag
    whose commit moves is no stall.
    """
    context = current_context()
    longest = parse_duration(over) / 1000
    longest_idle = parse_duration(idle_after) / 1000

    address = None if explain is None else parse_address(explain)

    def show() -> ExitCode:
        if address is None:
            found = store.stalls(longest, longest_idle)
            write_stalls(context.output, found)
        else:
            answers = store.explain(address, longest, longest_idle)
            write_explanations(context.output, answers)
            found = [answer.stall for answer in answers if answer.stall is not None]
        if not found and address is None:
            context.diagnostics.success("nothing is stalled")
        return ExitCode.CONDITION_TRUE if found and exit_code else ExitCode.OK

    with context.open_store() as store:
        return repeat(context, watch, show)
