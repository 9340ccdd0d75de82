"""Writes docs/cli.md from the commands, and the keys of files into docs/topology.md.

`python docs/generate_cli.py`
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup

from mq.cli.examples import EXAMPLES
from mq.command_line import app
from mq.commands import ALIASES, GLOBAL_PANEL, LazyCommand
from store.model.groups import GroupConfig
from store.model.queues import QueueConfig
from store.model.settings import settings_of
from store.model.shares import ShareConfig
from store.model.topics import TopicConfig
from store.topology.kinds import KINDS, Kind

TARGET = Path(__file__).with_name("cli.md")
TOPOLOGY = Path(__file__).with_name("topology.md")
_FIRST, _LAST = "<!-- keys: written by docs/generate_cli.py -->\n", "<!-- end of keys -->"
_CONFIGS: dict[str, type[NamedTuple]] = {
    "topic": TopicConfig,
    "queue": QueueConfig,
    "group": GroupConfig,
    "share": ShareConfig,
}
# The command whose options explain the keys that are no settings.
_COMMANDS = {
    "topic": "mq topic create",
    "exchange": "mq exchange create",
    "binding": "mq bind",
    "share": "mq share create",
}
# What the command takes as arguments, or one by one.
_TOLD = {
    ("group", "topics"): "The topics that the group reads.",
    ("binding", "headers"): "What a headers exchange wants; null wants a name with any value.",
    ("binding", "from"): "The exchange.",
    ("binding", "to"): "A queue, a topic, or exchange:NAME.",
    ("share", "topic"): "What it reads.",
}

_HEAD = """\
# Commands

Written by `python docs/generate_cli.py` from the commands themselves; do not edit.

`mq --help`, `mq topic --help` and `mq topic create --help` say the same in the terminal.
"""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command by its full name, such as `mq topic create`, groups before their own."""
    yield from _below("mq", typer.main.get_command(app))


def _below(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield path, command
    if isinstance(command, TyperGroup):
        context = typer.Context(command)
        for name in command.list_commands(context):
            child = command.commands[name]
            if not child.hidden:
                loaded = child.load() if isinstance(child, LazyCommand) else child
                yield from _below(f"{path} {name}", loaded)


def page() -> str:
    """The text of docs/cli.md."""
    found = dict(commands())
    root = found.pop("mq")
    sections = [_HEAD, _contents(found), _global_options(root)]
    return "\n".join([*sections, *(_section(path, command) for path, command in found.items())])


def _contents(found: dict[str, Any]) -> str:
    lines = [
        f"- [`{path}`](#{path.replace(' ', '-')}): {_first_sentence(command)}"
        for path, command in found.items()
    ]
    return "\n".join(lines) + "\n"


def _first_sentence(command: Any) -> str:
    return _prose(command).split("\n\n")[0].split(". ")[0].rstrip(".:") + "."


def _global_options(root: Any) -> str:
    shared = [option for option in root.params if _panel(option) == GLOBAL_PANEL]
    own = [option for option in root.params if _panel(option) != GLOBAL_PANEL]
    aliases = " and ".join(f"`{short}` for `{name}`" for short, name in ALIASES.items())
    return (
        "## Global options\n\n"
        "They are accepted before and after the command. Every command also takes `-h`, `--help`.\n"
        f"Short names: {aliases}.\n\n{_table(root, shared)}\n"
        f"`mq` alone also takes:\n\n{_table(root, own)}"
    )


def _section(path: str, command: Any) -> str:
    level = "##" if path.count(" ") == 1 else "###"
    parts = [f"{level} {path}\n", _prose(command) + "\n"]
    if not isinstance(command, TyperGroup):
        pieces = command.collect_usage_pieces(_context(path, command))
        parts.append(f"```\n{path} {' '.join(pieces)}\n```\n")
    own = [p for p in command.params if _panel(p) != GLOBAL_PANEL and getattr(p, "help", None)]
    if own:
        parts.append(_table(command, own))
    if examples := EXAMPLES.get(path):
        parts.append("\n".join(["```sh", *examples, "```\n"]))
    return "\n".join(parts)


def _table(command: Any, parameters: list[Any]) -> str:
    lines = ["| | |", "|---|---|"]
    for parameter in parameters:
        record = parameter.get_help_record(_context("", command))
        if record is not None:
            names, text = (_cell(part) for part in record)
            lines.append(f"| `{names}` | {text} |")
    return "\n".join(lines) + "\n"


def _panel(parameter: Any) -> str:
    return getattr(parameter, "rich_help_panel", None) or ""


def _prose(command: Any) -> str:
    paragraphs = (command.help or "").split("\f")[0].strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _context(path: str, command: Any) -> typer.Context:
    return typer.Context(command, info_name=path)


def with_keys(text: str) -> str:
    """The page of topology files with the keys as they are."""
    head, rest = text.split(_FIRST, 1)
    _, tail = rest.split(_LAST, 1)
    found = dict(commands())
    tables = [_keys(kind, found.get(_COMMANDS.get(kind.name, ""))) for kind in KINDS.values()]
    return "\n".join([head + _FIRST, *tables, _LAST + tail])


def _keys(kind: Kind, command: Any) -> str:
    lines = [f"| `{kind.section}` | default | |", "|---|---|---|"]
    for key in kind.notations:
        default = kind.defaults.get(key)
        told = f"`{default}`" if default else "" if default is None else '`""`'
        lines.append(f"| `{key}` | {told} | {_cell(_help_of(kind, key, command))} |")
    return "\n".join(lines) + "\n"


def _help_of(kind: Kind, key: str, command: Any) -> str:
    config = _CONFIGS.get(kind.name)
    if config is not None and key in settings_of(config):
        return settings_of(config)[key].help
    if told := _TOLD.get((kind.name, key)):
        return told
    option = f"--{key.replace('_', '-')}"
    return next(str(each.help) for each in command.params if option in each.opts)


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
    TOPOLOGY.write_text(with_keys(TOPOLOGY.read_text(encoding="utf-8")), encoding="utf-8")
