"""`mq group`: consumer groups, their settings, members and offsets."""

from collections.abc import Collection
from typing import Annotated, Any

import typer

from mq.cli.context import Context, current_context
from mq.cli.output import Column, Format, row_document
from mq.cli.reporting import DryRun, report_document, report_done, write_documents
from mq.commands import CommandGroup
from mq.commands.group.columns import member_columns
from mq.commands.group.reset import reset
from mq.commands.group.skip import skip
from mq.commands.operations.lag_columns import Place, lag_document, stalled_places, write_lag
from mq.commands.options.setting_changes import (
    CHANGES,
    SettingChange,
    changed_settings,
    sentence_of,
)
from mq.commands.options.settings import IfNotExists, Settings, with_settings
from store.model.addresses import check_name
from store.model.errors import BadInput
from store.model.groups import GroupConfig, GroupStatus
from store.model.settings import shown_settings
from store.model.text import counted, if_known

app = CommandGroup(help="Consumer groups: readers that share the partitions of a topic.")

Name = Annotated[str, typer.Argument(metavar="NAME")]
Names = Annotated[list[str], typer.Argument(metavar="NAME…")]
Topics = Annotated[
    list[str] | None,
    typer.Option("--topic", metavar="T", help="Topic of the group; repeatable."),
]


@app.command("create")
@with_settings(GroupConfig())
def create(
    name: Name,
    topics: Topics = None,
    *,
    settings: Settings,
    if_not_exists: IfNotExists = False,
) -> None:
    """Create a group before its first reader, to give it settings.

    A group also comes into being with its first reader.
    """
    check_name(name, "group name")
    context = current_context()
    with context.open_store() as store:
        group = store.create_group(
            name, topics=topics or (), if_not_exists=if_not_exists, **settings
        )
        now = store.now(), store.wall()
    report_document(context, _document(group, *now), f"group {name} of {_topics_text(group)}")


@app.command("alter")
@with_settings(GroupConfig(), alters=True)
def alter(
    name: Name,
    topics: Topics = None,
    *,
    settings: Settings,
) -> None:
    """Change settings of a group, and add topics; the others stay.

    If the group's next record has used up a new limit of deliveries, it goes to the DLQ.
    """
    if not settings and not topics:
        raise BadInput("there is nothing to change", hint=f"mq group alter {name} --max-lag 1000")
    context = current_context()
    with context.open_store() as store:
        before = store.group(name)
        after = store.alter_group(name, topics=topics or (), **settings)
    changes = changed_settings(before.config, after.config)
    if _topics(before) != _topics(after):
        changes.insert(0, SettingChange("topics", _topics_text(before), _topics_text(after)))
    report_done(context, CHANGES, changes, f"group {name}: {sentence_of(changes)}")


LISTED: list[Column[GroupStatus]] = [
    Column("name", lambda group: group.name, weight=2),
    Column("state", lambda group: group.state),
    Column("members", lambda group: len(group.members), right=True),
    Column("topics", lambda group: _topics(group), text=lambda group: _topics_text(group)),
    Column("lag", lambda group: _lag(group), text=lambda group: f"{_lag(group):,}", right=True),
]


@app.command("list")
def list_groups() -> None:
    """List all groups."""
    context = current_context()
    with context.open_store() as store:
        groups = store.groups()
    context.output.listing(LISTED, groups)


@app.command("show")
def show(names: Names) -> None:
    """Show settings, members and offsets of groups.

    In a pipe the rows are the offsets, as of `mq lag`; -o json has the members as well.
    """
    context = current_context()
    with context.open_store() as store:
        groups = [store.group(name) for name in dict.fromkeys(names)]
        now = store.now(), store.wall()
        is_table = context.output.format is Format.TABLE
        stalled = stalled_places(store.stalls()) if is_table else set()
    if context.output.is_json:
        write_documents(context, [_document(group, *now) for group in groups])
    elif is_table:
        for group in groups:
            _show(context, group, now, stalled)
    elif context.output.format is Format.NAME:
        context.output.listing(LISTED, groups)
    else:
        write_lag(context.output, [row for group in groups for row in group.offsets], stalled)


def _document(group: GroupStatus, now: int, wall: int) -> dict[str, Any]:
    columns = member_columns(now, wall)
    return {
        "name": group.name,
        "state": group.state,
        "generation": group.generation,
        "members": [row_document(columns, member) for member in group.members],
        "offsets": [lag_document(row) for row in group.offsets],
    }


def _show(
    context: Context, group: GroupStatus, now: tuple[int, int], stalled: Collection[Place]
) -> None:
    output = context.output
    generation = if_known(group.generation, str)
    fields = {"group": group.name, "state": group.state, "generation": generation}
    for name, text in shown_settings(group.config).items():
        fields[name.replace("_", " ")] = text
    output.document(fields)
    output.text("")
    if group.members:
        output.listing(member_columns(*now), group.members)
        output.text("")
    write_lag(output, group.offsets, stalled, group=False)
    output.text("")


@app.command("members")
def members(name: Name) -> None:
    """List the live members of a group with their partitions.

    A member is idle while there are more members than partitions, and takes over when another one
    goes. A static one has a name of its own (--member), under which it keeps its partitions when
    it is started again.
    """
    context = current_context()
    with context.open_store() as store:
        group = store.group(name)
        now = store.now(), store.wall()
    context.output.listing(member_columns(*now), group.members)


DOOMED: list[Column[GroupStatus]] = [
    LISTED[0],
    LISTED[3],
    Column("committed", lambda group: _committed(group), right=True),
    LISTED[4],
]


@app.command("delete")
def delete(names: Names, dry_run: DryRun = False) -> None:
    """Delete groups with their offsets.

    A group with live members is refused. Off a terminal it needs --yes.
    """
    context = current_context()
    with context.open_store() as store:
        groups = [store.group(name) for name in dict.fromkeys(names)]
        if dry_run:
            context.output.listing(DOOMED, groups)
            return
        doomed = " and ".join(_described(group) for group in groups)
        context.confirm(f"This deletes {doomed}.")
        for group in groups:
            store.delete_group(group.name)
    report_done(context, DOOMED, groups, f"deleted {doomed}")


def _described(group: GroupStatus) -> str:
    return f"group {group.name} with {counted(_committed(group), 'committed offset')}"


def _committed(group: GroupStatus) -> int:
    return sum(row.committed is not None for row in group.offsets)


def _topics(group: GroupStatus) -> list[str]:
    return list(dict.fromkeys(row.topic for row in group.offsets))


def _topics_text(group: GroupStatus) -> str:
    return ", ".join(_topics(group)) or "no topics"


def _lag(group: GroupStatus) -> int:
    return sum(row.lag for row in group.offsets)


app.command("reset")(reset)
app.command("skip")(skip)
