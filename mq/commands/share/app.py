"""`mq share`: consumers that work on the records of a topic one by one (Kafka: share groups)."""

from typing import Annotated

import typer

from mq.cli.context import current_context
from mq.cli.output import Format, row_document
from mq.cli.reporting import DryRun, report_document, report_done, write_documents
from mq.commands import CommandGroup
from mq.commands.group.reset import CHANGES as OFFSET_CHANGES, warn_of_clamping
from mq.commands.group.skip import skip_shared
from mq.commands.options.setting_changes import CHANGES, changed_settings, sentence_of
from mq.commands.options.settings import IfNotExists, Settings, with_settings
from mq.commands.share.columns import SHARES, share_document, show_share, total
from store.engine.features import Feature
from store.model.addresses import check_name
from store.model.errors import BadInput
from store.model.positions import parse_position
from store.model.settings import shown_settings
from store.model.shares import ShareConfig
from store.model.text import describe_count, if_known

app = CommandGroup(
    help="Shares: a topic's records leased one by one to any number of workers, and kept."
)

Name = Annotated[str, typer.Argument(metavar="NAME")]
Names = Annotated[list[str], typer.Argument(metavar="NAME…")]
Force = Annotated[
    bool, typer.Option("--force", help="Taking of leased records instead of a refusal.")
]


@app.command("create")
@with_settings(ShareConfig())
def create(
    name: Name,
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="Topic that it reads.")],
    *,
    settings: Settings,
    start: Annotated[
        str,
        typer.Option("--from", metavar="OFFSET-WORD", help="Start: earliest, latest, 15m, a time."),
    ] = "earliest",
    if_not_exists: IfNotExists = False,
) -> None:
    """Create a share of a topic.

    Its workers are not bound to partitions: each leases records, and acknowledges, gives back or
    rejects every one of them. The topic keeps them all.
    """
    context = current_context()
    check_name(name, "share name")
    with context.open_store() as store:
        place = parse_position(start, store.wall())
        share = store.create_share(
            name, topic, start=place, if_not_exists=if_not_exists, **settings
        )
    settings_text = ", ".join(
        f"{setting.replace('_', ' ')} {text}"
        for setting, text in shown_settings(share.config).items()
    )
    sentence = f"share {name} of topic {topic}: {settings_text}"
    report_document(context, share_document(share), sentence)


@app.command("list")
def list_shares() -> None:
    """List all shares."""
    context = current_context()
    with context.open_store() as store:
        shares = store.shares()
    context.output.listing(SHARES, shares)


@app.command("show")
def show(names: Names) -> None:
    """Show shares: settings, the window in each partition, and every record in flight.

    A record in flight is listed with its holder, the time left, its deliveries, since when it is in
    flight and its last error. A window begins at its first unfinished record, which pins it: while
    it is full nothing new is handed out.
    """
    context = current_context()
    with context.open_store() as store:
        is_told = not store.features.lacks(Feature.LEASE_LIST)
        found = [
            (store.share(name), store.in_flight(name) if is_told else None)
            for name in dict.fromkeys(names)
        ]
        now = store.wall()
    if context.output.is_json:
        write_documents(context, [share_document(*one) for one in found])
    elif context.output.format is Format.TABLE:
        for one in found:
            show_share(context, *one, now)
    else:
        context.output.listing(SHARES, [share for share, _ in found])


@app.command("alter")
@with_settings(ShareConfig(), alters=True)
def alter(
    name: Name,
    *,
    settings: Settings,
    dry_run: DryRun = False,
) -> None:
    """Change settings of a share; the others stay, and so do leased records.

    Any other record that has used up a new limit of deliveries is finished at once.
    """
    if not settings:
        raise BadInput("there is nothing to change", hint=f"mq share alter {name} --lease 1m")
    context = current_context()
    with context.open_store() as store:
        planned = store.plan_share_alter(name, **settings)
        changes = changed_settings(store.share(name).config, planned)
        if not dry_run:
            store.alter_share(name, **settings)
    if dry_run:
        context.output.listing(CHANGES, changes)
    else:
        report_done(context, CHANGES, changes, f"share {name}: {sentence_of(changes)}")


@app.command("delete")
def delete(names: Names, force: Force = False, dry_run: DryRun = False) -> None:
    """Delete shares with their progress; their topics stay.

    Off a terminal it needs --yes. Refused (4) while a record is leased, unless --force.
    """
    context = current_context()
    with context.open_store() as store:
        shares = [store.share(name) for name in dict.fromkeys(names)]
        if dry_run:
            context.output.listing(SHARES, shares)
            return
        for share in shares:
            behind = if_known(total(share, "lag"), describe_count)
            context.confirm(
                f"This deletes share {share.name} of topic {share.topic}, {behind} behind.",
                name=share.name,
            )
        for share in shares:
            store.delete_share(share.name, force=force)
    report_done(context, SHARES, shares, f"deleted {' and '.join(s.name for s in shares)}")


@app.command("reset")
def reset(
    name: Name,
    to: Annotated[
        str, typer.Option(metavar="OFFSET-WORD", help="earliest, latest, last, N, -N or a time.")
    ],
    apply: Annotated[
        bool, typer.Option("--apply", help="The change itself, not only a preview.")
    ] = False,
    force: Force = False,
) -> None:
    """Show where a share would begin anew, and with --apply have it begin there.

    Its finished records from there on are delivered again, earlier ones are not delivered any more.
    Offsets are clamped to the log. Refused (4) while a record is leased, unless --force.
    """
    context = current_context()
    with context.open_store() as store:
        place = parse_position(to, store.wall())
        if apply:
            changes = store.reset_share(name, place, force=force)
        else:
            changes = store.plan_share_reset(name, place)
    warn_of_clamping(context, changes)
    if context.output.is_json:
        rows = [row_document(OFFSET_CHANGES, one) for one in changes]
        context.output.document({"share": name, "applied": apply, "changes": rows})
    else:
        context.output.listing(OFFSET_CHANGES, changes)
    if not apply:
        context.diagnostics.note("nothing was changed; --apply does it")


app.command("skip")(skip_shared)
