"""`mq store`: the settings of the store itself."""

from typing import TYPE_CHECKING, Annotated

import typer

from mq.commands import CommandGroup
from mq.commands.reporting import report_done
from mq.commands.setting_changes import CHANGES, Change, sentence_of
from mq.context import current_context
from store.errors import BadInput
from store.nearest import did_you_mean
from store.text import describe_size, format_size, parse_size
from store.upkeep import StoreStatus

if TYPE_CHECKING:
    from store import Store

app = CommandGroup(help="The store's own settings.")

SETTINGS = ("durability", "max_bytes")


@app.command("show")
def show() -> None:
    """Show the settings of the store."""
    context = current_context()
    with context.open_store() as store:
        status = store.status()
    document = {"path": status.path, "durability": status.durability, "max_bytes": status.max_bytes}
    context.output.document(document, {"path": status.path, **_texts(status)})


@app.command("set")
def set_setting(
    setting: Annotated[str, typer.Argument(metavar="|".join(SETTINGS))],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="full|normal; SIZE|none.")],
) -> None:
    """Change a setting, for every process that opens the store from now on.

    durability full survives a power cut, normal a killed process. max_bytes bounds the file.
    """
    name = _setting(setting)
    context = current_context()
    with context.open_store() as store:
        before = store.status()
        _set(store, name, value)
        after = store.status()
    if after.max_bytes is not None and after.bytes > after.max_bytes:
        context.diagnostics.warning(
            f"the file has {describe_size(after.bytes)} already, more than max_bytes"
        )
    old, new = _texts(before)[name], _texts(after)[name]
    changes = [] if old == new else [Change(name, old, new)]
    report_done(context, CHANGES, changes, sentence_of(changes))


def _setting(name: str) -> str:
    setting = name.replace("-", "_")
    if setting in SETTINGS:
        return setting
    hint = did_you_mean(setting, SETTINGS, f"settings are {', '.join(SETTINGS)}")
    raise BadInput(f"the store has no setting {name!r}", hint=hint)


def _set(store: "Store", setting: str, value: str) -> None:
    if setting == "durability":
        store.set_durability(value)
    else:
        store.set_max_bytes(None if value == "none" else parse_size(value))


def _texts(status: StoreStatus) -> dict[str, str]:
    limit = "none" if status.max_bytes is None else format_size(status.max_bytes)
    return {"durability": status.durability, "max_bytes": limit}
