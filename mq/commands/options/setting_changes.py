"""Changes of settings, one by one."""

from collections.abc import Sequence
from typing import NamedTuple

from mq.cli.output import Column
from store.model.settings import write_settings


class SettingChange(NamedTuple):
    """A setting before and after; `risk` says why a change can't simply be taken back."""

    setting: str
    old: str
    new: str
    risk: str | None = None


CHANGES: Sequence[Column[SettingChange]] = [
    Column("setting", lambda change: change.setting),
    Column("old", lambda change: change.old),
    Column("new", lambda change: change.new),
    Column("risk", lambda change: change.risk, text=lambda change: change.risk or ""),
]


def changed_settings(old: NamedTuple, new: NamedTuple) -> list[SettingChange]:
    """Return the settings in which two configurations of one kind differ, as text."""
    before, after = write_settings(old), write_settings(new)
    return [
        SettingChange(name, text, after[name])
        for name, text in before.items()
        if text != after[name]
    ]


def sentence_of(changes: Sequence[SettingChange]) -> str:
    """Return changes for people: `retention 7d -> 3d, max_message 1MiB -> 2MiB`."""
    changed = (f"{change.setting} {change.old} -> {change.new}" for change in changes)
    return ", ".join(changed) or "nothing to change"
