"""TAB: the names in the store behind the options and arguments that take one.

It is imported only while a shell asks for completions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from mq.cli.context import current_context
from store.model.errors import MqError

if TYPE_CHECKING:
    from store.engine.broker import Broker

# A person waits for it, and a busy store is no reason to.
_TIMEOUT = 0.5

_READABLE = ("topic", "queue")
_LEASED = ("queue", "share")
_BY_METAVAR = {
    "ADDRESS": _READABLE,
    "SOURCE": ("topic", "queue", "share"),
    "DEST": ("topic", "queue", "exchange:"),
    "DESTINATION": ("topic", "queue", "exchange:"),
    "QUEUE": ("queue",),
    "QUEUE|SHARE": _LEASED,
    "QUEUE|exchange:NAME": ("queue", "exchange:"),
    "QUEUE@SEQ": ("queue",),
    "TOPIC": ("topic",),
    "TOPIC/P@OFFSET": ("topic",),
    "T": ("topic",),
    "T[/P,…]": ("topic",),
    "GROUP": ("group",),
    "GROUP|SHARE": ("group", "share"),
    "EXCHANGE": ("exchange",),
}
_BY_OPTION = {
    "--dlq": ("queue", "exchange:"),
    "--alternate": ("exchange",),
}
# The arguments NAME are things of the group of commands; `mq show` and `mq lease list` take others.
_BY_NOUN = {
    "topic": ("topic",),
    "queue": ("queue",),
    "share": ("share",),
    "group": ("group",),
    "exchange": ("exchange",),
    "lease": _LEASED,
    "show": ("topic", "queue", "share", "group", "exchange"),
}


def complete_names(command: Any, noun: str) -> None:
    """Have a command, or each below it, complete the names of things; `noun` is its first word."""
    if isinstance(command, TyperGroup):
        for each in command.commands.values():
            complete_names(each, noun)
        return
    assert isinstance(command, TyperCommand)
    for parameter in command.params:
        if kinds := _kinds(parameter, command.name or "", noun):
            assert isinstance(parameter, TyperArgument | TyperOption)
            parameter._custom_shell_complete = _completer(kinds)
        elif parameter.name == "setting":
            parameter._custom_shell_complete = _among((parameter.metavar or "").split("|").copy)


def _kinds(parameter: Any, verb: str, noun: str) -> tuple[str, ...]:
    metavar = (parameter.metavar or "").strip("[]…")
    if metavar.partition("[")[0] == "NAME" and isinstance(parameter, TyperArgument):
        # A new thing has a new name.
        return () if verb == "create" else _BY_NOUN.get(noun, ())
    for option in parameter.opts:
        if option in _BY_OPTION:
            return _BY_OPTION[option]
    if metavar == "DEST" and isinstance(parameter, TyperOption):
        # Dead letters go to a queue.
        return ("queue",)
    return _BY_METAVAR.get(metavar) or _BY_METAVAR.get(parameter.metavar or "", ())


def _completer(kinds: tuple[str, ...]) -> Callable[..., list[Any]]:
    def names() -> Iterator[str]:
        context = current_context()
        context.timeout = _TIMEOUT
        with suppress(MqError, OSError), context.open_store() as store:
            for kind in kinds:
                yield from _names(store, kind)

    return _among(names)


def _names(store: Broker, kind: str) -> Iterator[str]:
    things: dict[str, Callable[[], Iterable[Any]]] = {
        "topic": store.topics,
        "queue": store.queues,
        "share": store.shares,
        "group": store.groups,
        "exchange": store.exchanges,
        "exchange:": store.exchanges,
    }
    prefix = kind if kind.endswith(":") else ""
    yield from (f"{prefix}{thing.name}" for thing in things[kind]())


def _among(words: Callable[[], Iterable[str]]) -> Callable[..., list[Any]]:
    def complete(_context: Any, _parameter: Any, incomplete: str) -> list[Any]:
        from typer._click.shell_completion import CompletionItem

        return [CompletionItem(word) for word in words() if word.startswith(incomplete)]

    return complete
