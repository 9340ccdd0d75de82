"""The base of every command: the global options, aliases and lazily loaded modules."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from mq.cli.context import Context, current_context, parse_format, parse_timeout
from mq.cli.output import Format
from store.model.errors import BadInput

if TYPE_CHECKING:
    from typer._click import (
        Command as ClickCommand,
        Context as ClickContext,
        HelpFormatter,
        Parameter,
    )

COMPLETION_VARIABLE = "_MQ_COMPLETE"
GLOBAL_PANEL = "Global options"
ALIASES = {"ls": "list", "rm": "delete"}
_INT64 = range(-(1 << 63), 1 << 63)
Function = TypeVar("Function", bound=Callable[..., Any])


class GlobalOption(TyperOption):
    """An option of every command. `set` notes a given value; without a metavar it is a flag."""

    def __init__(
        self,
        *names: str,
        set: Callable[[Context, Any], None],
        help: str,
        metavar: str | None = None,
        complete: tuple[str, ...] = (),
    ) -> None:
        # A name of its own, as a command may have a parameter like it.
        super().__init__(
            param_decls=[*names, f"global{names[-1].replace('-', '_')}"],
            is_flag=metavar is None,
            metavar=metavar,
            autocompletion=(lambda _context, _words, _start: list(complete)) if complete else None,
            help=help,
            rich_help_panel=GLOBAL_PANEL,
        )
        self.set = set


def _note_global_options(parameters: dict[str, Any]) -> None:
    """Note the global options among parsed parameters, and take them out."""
    for option in GLOBAL_OPTIONS:
        value = parameters.pop(option.name or "", None)
        if value is not None:
            option.set(current_context(), value)


def _setter(field: str, convert: Callable[[Any], Any]) -> Callable[[Context, Any], None]:
    return lambda context, value: setattr(context, field, convert(value))


GLOBAL_OPTIONS = [
    GlobalOption(
        "-s",
        "--store",
        metavar="PATH",
        set=_setter("store", str),
        help="The store's file ($MQ_STORE, nearest .mq/store.db, the user's own).",
    ),
    GlobalOption(
        "-o",
        "--output",
        metavar="|".join(Format),
        set=_setter("format", parse_format),
        complete=tuple(Format),
        help="Output format (a table on a terminal, otherwise TSV).",
    ),
    GlobalOption(
        "--json", set=_setter("format", lambda _: Format.JSON), help="The same as -o json."
    ),
    GlobalOption(
        "-q", "--quiet", set=_setter("quiet", bool), help="Only warnings and errors on stderr."
    ),
    GlobalOption("-y", "--yes", set=_setter("yes", bool), help="Yes to every question."),
    GlobalOption(
        "--no-input", set=_setter("no_input", bool), help="No questions; failure instead."
    ),
    GlobalOption(
        "--timeout",
        metavar="DURATION",
        set=_setter("timeout", parse_timeout),
        help="Longest wait for the lock or a group's partitions (30s).",
    ),
    GlobalOption("--no-color", set=_setter("colour", lambda _: False), help="No colours."),
    GlobalOption("--no-header", set=_setter("header", lambda _: False), help="No header line."),
    GlobalOption(
        "--allow-network-fs",
        set=_setter("allow_network_fs", bool),
        help="Stores on network file systems, where locks may not hold.",
    ),
    GlobalOption("--debug", set=_setter("debug", bool), help="Traceback of an error."),
]


def _help_sections(command: TyperCommand | TyperGroup, context: ClickContext) -> _Sections:
    sections: _Sections = {}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            sections.setdefault(_panel_of(parameter), []).append(record)
    if GLOBAL_PANEL in sections:
        sections[GLOBAL_PANEL] = sections.pop(GLOBAL_PANEL)
    return sections


def _panel_of(parameter: Parameter) -> str:
    panel = getattr(parameter, "rich_help_panel", None)
    return panel or ("Arguments" if parameter.param_type_name == "argument" else "Options")


def _write_sections(formatter: HelpFormatter, sections: _Sections) -> None:
    for title, records in sections.items():
        with formatter.section(title):
            formatter.write_dl(records)


class Command(TyperCommand):
    """A command that takes the global options after its own."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.params = [*self.params, *GLOBAL_OPTIONS]

    def parse_args(self, ctx: ClickContext, args: list[str]) -> list[str]:
        """Read the words; raises BadInput for a number that SQLite can't hold."""
        rest = super().parse_args(ctx, args)
        _note_global_options(ctx.params)
        for value in ctx.params.values():
            if isinstance(value, int) and value not in _INT64:
                raise BadInput(f"{value} is a number beyond 64 bits")
        return rest

    def collect_usage_pieces(self, ctx: ClickContext) -> list[str]:
        """Return the words of the usage line; a required argument is NAME, not Typer's {NAME}."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: ClickContext, formatter: HelpFormatter) -> None:
        """Write the options, each panel under its own heading, and then examples."""
        from mq.cli.examples import write_examples

        _write_sections(formatter, _help_sections(self, ctx))
        write_examples(ctx.command_path, formatter)


class OptionsGroup(TyperGroup):
    """A group of commands that takes the global options, knows `ls` and `rm`, and sees typos."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.params = [*self.params, *GLOBAL_OPTIONS]

    def parse_args(self, ctx: ClickContext, args: list[str]) -> list[str]:
        """Show the help for an empty command line."""
        rest = super().parse_args(ctx, args or ["--help"] if not ctx.resilient_parsing else args)
        _note_global_options(ctx.params)
        return rest

    def resolve_command(
        self, ctx: ClickContext, args: list[str]
    ) -> tuple[str | None, ClickCommand | None, list[str]]:
        """Find the named command, by its name or its alias; raises BadInput with the nearest."""
        name, *rest = args
        if name not in self.commands:
            name = ALIASES.get(name, name)
        command = self.get_command(ctx, name)
        if command is None:
            try:
                return self.resolve_command(ctx, self._own_words(ctx, args))
            except BadInput:
                if ctx.resilient_parsing:
                    return None, None, rest
                raise
        if isinstance(command, LazyCommand):
            command = command.load()
        return name, command, rest

    def format_options(self, ctx: ClickContext, formatter: HelpFormatter) -> None:
        """Write the commands first, then the options, each panel under its own heading."""
        sections: _Sections = {}
        for name in self.list_commands(ctx):
            command = self.commands[name]
            if not command.hidden:
                panel = getattr(command, "rich_help_panel", None) or "Commands"
                record = (name, command.get_short_help_str(limit=formatter.width))
                sections.setdefault(panel, []).append(record)
        _write_sections(formatter, sections | _help_sections(self, ctx))

    def _own_words(self, ctx: ClickContext, args: list[str]) -> list[str]:
        """Return words of another tool in mq's own; raises BadInput for those that have none."""
        from mq.commands.vocabulary import own_words

        words = own_words(ctx.command_path.partition(" ")[2], args)
        if words is None or words[0] not in self.commands:
            raise self._unknown(ctx, args[0])
        return words

    def _unknown(self, ctx: ClickContext, name: str) -> BadInput:
        from store.model.nearest import nearest

        path = ctx.command_path
        names = [known for known, command in self.commands.items() if not command.hidden]
        near = nearest(name, names, 3) or [n for n in names if n.startswith(name)]
        hint = f"did you mean {' or '.join(near)}?" if near else f"{path} --help lists them"
        return BadInput(f"{path} has no command {name!r}", hint=hint)


class LazyCommand(TyperCommand):
    """A stand-in with a name and a line of help; the module is imported when it is called."""

    def __init__(self, name: str, module: str, help: str, panel: str) -> None:
        super().__init__(name, short_help=help, rich_help_panel=panel)
        self._module = module

    def load(self) -> ClickCommand:
        """Import the module and build the command from its `app`."""
        command = typer.main.get_command(import_module(self._module).app)
        command.name = self.name
        if COMPLETION_VARIABLE in os.environ:
            from mq.commands.completion import complete_names

            complete_names(command, self.name or "")
        return command


class _CommandApp(typer.Typer):
    """A Typer app whose commands take the global options."""

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Function], Function]:
        """Register a function as a command, as `typer.Typer.command` does."""
        return super().command(name, **{"cls": Command, **settings})


class CommandGroup(_CommandApp):
    """`mq NOUN`: make one as `app` in a module of its own and register its verbs."""

    def __init__(self, help: str) -> None:
        super().__init__(
            cls=OptionsGroup,
            help=help,
            callback=_nothing,
            add_completion=False,
            rich_markup_mode=None,
        )


class SingleCommand(_CommandApp):
    """`mq VERB`: make one as `app` in a module of its own and register one function."""

    def __init__(self) -> None:
        super().__init__(add_completion=False, rich_markup_mode=None)


def _nothing() -> None:
    """Do nothing by itself."""


_Sections = dict[str, list[tuple[str, str]]]
