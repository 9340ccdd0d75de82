"""`mq store`: the settings of the store itself."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mq.cli.context import current_context
from mq.cli.reporting import report_document, report_done
from mq.commands import CommandGroup
from mq.commands.options.setting_changes import (
    CHANGES,
    SettingChange,
    changed_settings,
    sentence_of,
)
from store.model.errors import BadInput
from store.model.maintenance import StoreConfig, describe_loss
from store.model.nearest import did_you_mean
from store.model.settings import read_settings, settings_of, write_settings
from store.model.text import describe_duration, describe_size

if TYPE_CHECKING:
    from store import Store

app = CommandGroup(help="The store's own settings.")

SETTINGS = (*settings_of(StoreConfig), "clock")
_SWITCHES = {"yes": "true", "no": "false"}
_SETTERS: dict[str, "Callable[[Store, Any], None]"] = {
    "durability": lambda store, value: store.set_durability(value),
    "max_bytes": lambda store, value: store.set_max_bytes(value),
    "read_only": lambda store, value: store.set_read_only(value),
}


@app.command("show")
def show() -> None:
    """Show the settings of the store."""
    context = current_context()
    with context.open_file() as store:
        status = store.status()
    context.output.document(
        {"path": status.path, **status.config._asdict()},
        {"path": status.path, **write_settings(status.config)},
    )


@app.command("set")
def set_setting(
    setting: Annotated[str, typer.Argument(metavar="|".join(SETTINGS))],
    value: Annotated[
        str, typer.Argument(metavar="VALUE", help="full|normal; SIZE|none; yes|no; now.")
    ],
) -> None:
    """Change a setting, for every process that opens the store from now on.

    durability full survives a power cut, normal a killed process. max_bytes bounds the file.
    read_only takes and hands out nothing new while what is leased is settled: for mq migrate. clock
    now trusts the wall clock, and ends the waits that a clock set back prolongs.
    """
    name = _setting(setting)
    if name == "clock":
        _trust_clock(value)
        return
    settings = read_settings(StoreConfig, {name: _SWITCHES.get(value, value)})
    context = current_context()
    with context.open_file() as store:
        before = store.status()
        _SETTERS[name](store, settings[name])
        after = store.status()
    if after.max_bytes is not None and after.bytes > after.max_bytes:
        context.diagnostics.warning(
            f"the file has {describe_size(after.bytes)} already, more than max_bytes"
        )
    changes = changed_settings(before.config, after.config)
    report_done(context, CHANGES, changes, sentence_of(changes))


@app.command()
def accept() -> None:
    """Take the store as it is: with the log beside it, and without confirmed commits that are gone.

    The warnings about missing commits end. A log that was left under a file that was put in its
    place is used as if it were the file's own.
    """
    context = current_context()
    with context.open_file(accept_log=True) as store:
        loss = store.accept_losses()
    commits = 0 if loss is None else loss.commits
    done = "nothing was missing" if loss is None else f"{describe_loss(loss)}; accepted"
    report_document(context, {"lost_commits": commits}, done)


def _setting(name: str) -> str:
    setting = name.replace("-", "_")
    if setting in SETTINGS:
        return setting
    hint = did_you_mean(setting, SETTINGS, f"settings are {', '.join(SETTINGS)}")
    raise BadInput(f"the store has no setting {name!r}", hint=hint)


def _trust_clock(value: str) -> None:
    if value != "now":
        raise BadInput(f"the clock can't be set to {value!r}", hint="mq store set clock now")
    context = current_context()
    with context.open_file() as store:
        before = store.clock_jump()
        store.trust_clock()
        after = store.clock_jump()
    changes = [SettingChange("clock", _jump_text(before), _jump_text(after))]
    report_done(context, CHANGES, changes, f"the wall clock, {_jump_text(before)}, is right")


def _jump_text(seconds: float) -> str:
    if abs(seconds) < 1:
        return "as expected"
    return f"{describe_duration(abs(seconds))} {'ahead' if seconds > 0 else 'behind'}"
