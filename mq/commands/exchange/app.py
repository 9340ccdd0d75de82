"""`mq exchange`: create, look at, change and delete exchanges."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mq.cli.context import Context, current_context
from mq.cli.output import Column, Format
from mq.cli.reporting import DryRun, report_document, report_done, write_documents
from mq.commands import CommandGroup
from mq.commands.exchange.columns import arrow, binding_document
from store.model.addresses import EXCHANGE_PREFIX, check_name
from store.model.errors import BadInput
from store.model.exchanges import EXCHANGE_TYPES, Binding, Exchange, ExchangeSettings
from store.model.settings import LABELS
from store.model.text import counted, format_time

if TYPE_CHECKING:
    from store.engine.exchanges import Exchanges

app = CommandGroup(help="Exchanges: bindings lead their messages to queues and topics.")

Name = Annotated[str, typer.Argument(metavar="NAME")]
Names = Annotated[list[str], typer.Argument(metavar="NAME…")]
Labels = Annotated[
    str | None,
    typer.Option(metavar="NAME=VALUE,…|none", help="Names and values of your own (none)."),
]

EXCHANGES: list[Column[Exchange]] = [
    Column("name", lambda exchange: exchange.name, weight=2),
    Column("type", lambda exchange: exchange.type),
    Column("alternate", lambda exchange: exchange.alternate),
    Column("bindings", lambda exchange: exchange.bindings, right=True),
]


@app.command("create")
def create(
    name: Name,
    type: Annotated[
        str,
        typer.Option(
            "-t", "--type", metavar="|".join(EXCHANGE_TYPES),
            help="Property to route by: key, its words, nothing, or headers.",
        ),
    ],
    alternate: Annotated[
        str | None,
        typer.Option(metavar="EXCHANGE|none", help="Exchange for messages that match no binding."),
    ] = None,
    labels: Labels = None,
    if_not_exists: Annotated[
        bool, typer.Option("--if-not-exists", help="Success if it exists with these settings.")
    ] = False,
) -> None:  # fmt: skip
    """Create an exchange, and the store if there is none.

    The alternate may be created later; until then messages that no binding matches are dropped.
    """
    check_name(name, "exchange name")
    settings = _settings(alternate, labels)
    context = current_context()
    with context.open_store(create=True) as store:
        exchange = store.create_exchange(name, type, if_not_exists=if_not_exists, **settings)
        _warn_of_missing_alternate(context, store, exchange)
    report_document(context, _document(exchange, []), _summary(exchange))


def _settings(alternate: str | None, labels: str | None) -> ExchangeSettings:
    settings: ExchangeSettings = {}
    if alternate is not None:
        settings["alternate"] = _named(alternate)
    if labels is not None:
        settings["labels"] = {} if labels == LABELS.nothing else LABELS.read(labels)
    return settings


def _named(alternate: str | None) -> str | None:
    return None if alternate == "none" else alternate


def _warn_of_missing_alternate(context: Context, store: "Exchanges", exchange: Exchange) -> None:
    known = {other.name for other in store.exchanges()}
    if exchange.alternate is not None and exchange.alternate not in known:
        context.diagnostics.warning(
            f"the alternate {exchange.alternate} does not exist yet; until then what no binding of"
            f" {exchange.name} matches is dropped"
        )


def _summary(exchange: Exchange) -> str:
    other = "" if exchange.alternate is None else f", else to {exchange.alternate}"
    return f"exchange {exchange.name}: {exchange.type}{other}"


@app.command("list")
def list_exchanges() -> None:
    """List all exchanges."""
    context = current_context()
    with context.open_store() as store:
        exchanges = store.exchanges()
    context.output.listing(EXCHANGES, exchanges)


@app.command("show")
def show(names: Names) -> None:
    """Show exchanges with their bindings."""
    context = current_context()
    with context.open_store() as store:
        found = [
            (store.exchange(name), store.bindings(exchange=name)) for name in dict.fromkeys(names)
        ]
    if context.output.is_json:
        write_documents(context, [_document(*each) for each in found])
    elif context.output.format is Format.TABLE:
        for exchange, bindings in found:
            context.output.document(_document(exchange, bindings), _fields(exchange, bindings))
    else:
        context.output.listing(EXCHANGES, [exchange for exchange, _ in found])


def created_at(exchange: Exchange) -> str | None:
    """Return when an exchange was created, if the engine knows it."""
    return None if exchange.created is None else format_time(exchange.created)


def _document(exchange: Exchange, bindings: list[Binding]) -> dict[str, Any]:
    return {
        "name": exchange.name,
        "kind": "exchange",
        "type": exchange.type,
        "alternate": exchange.alternate,
        "bindings": [binding_document(binding) for binding in bindings],
        "created": created_at(exchange),
        **({"labels": dict(exchange.labels)} if exchange.labels else {}),
    }


def _fields(exchange: Exchange, bindings: list[Binding]) -> dict[str, str]:
    return {
        "name": exchange.name,
        "type": exchange.type,
        "alternate": exchange.alternate or "-",
        "bindings": "\n".join(map(arrow, bindings)) or "-",
        "created": created_at(exchange) or "-",
        **({"labels": LABELS.write(exchange.labels)} if exchange.labels else {}),
    }


@app.command("alter")
def alter(
    name: Name,
    alternate: Annotated[
        str | None,
        typer.Option(metavar="EXCHANGE|none", help="Exchange for messages that match no binding."),
    ] = None,
    labels: Labels = None,
) -> None:
    """Give an exchange another alternate or none, or labels. Its type can't change."""
    settings = _settings(alternate, labels)
    if not settings:
        raise BadInput(
            "there is nothing to change", hint=f"mq exchange alter {name} --alternate OTHER"
        )
    context = current_context()
    with context.open_store() as store:
        exchange = store.alter_exchange(name, **settings)
        _warn_of_missing_alternate(context, store, exchange)
        bindings = store.bindings(exchange=name)
    report_document(context, _document(exchange, bindings), _summary(exchange))


@app.command("delete")
def delete(
    names: Names,
    if_unused: Annotated[
        bool, typer.Option("--if-unused", help="Refusal while bindings lead out of it.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Delete exchanges with the bindings from and to them; queues and topics stay.

    Off a terminal it needs --yes. An alternate, and a target of dead letters, is refused.
    """
    context = current_context()
    with context.open_store() as store:
        exchanges = [store.exchange(name) for name in dict.fromkeys(names)]
        if dry_run:
            context.output.listing(EXCHANGES, exchanges)
            return
        for exchange in exchanges:
            told = _described(store, exchange)
            context.confirm(f"This deletes {told}.", name=exchange.name)
        store.delete_exchanges([exchange.name for exchange in exchanges], if_unused=if_unused)
    told = " and ".join(f"exchange {exchange.name}" for exchange in exchanges)
    report_done(context, EXCHANGES, exchanges, f"deleted {told}")


def _described(store: "Exchanges", exchange: Exchange) -> str:
    incoming = len(store.bindings(destination=f"{EXCHANGE_PREFIX}{exchange.name}"))
    return (
        f"exchange {exchange.name} with {counted(exchange.bindings, 'binding')} from it"
        f" and {incoming:,} to it"
    )
