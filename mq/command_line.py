"""The command line: its commands by name, and its errors as a line and an exit code.

No command is imported before it is called.
"""

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import Annotated, Any, TextIO

import typer

from mq.cli.context import Context, start_context
from mq.cli.diagnostics import ExitCode, exit_code
from mq.cli.output import Format, ReaderGone
from mq.commands import COMPLETION_VARIABLE, LazyCommand, OptionsGroup
from store.model.errors import FEWER_FILES, BadInput, MqError, is_too_many_files

_THINGS = "Things"
_DATA = "Data"
_OPERATIONS = "Operations"
# name: (module, panel, one line of help)
COMMANDS = {
    "init": ("mq.commands.store.init", _THINGS, "Create a store."),
    "topic": ("mq.commands.topic.app", _THINGS, "Create, list, show, alter, trim, compact topics."),
    "queue": ("mq.commands.queue.app", _THINGS, "Create, list, show, alter, purge, delete queues."),
    "share": (
        "mq.commands.share.app",
        _THINGS,
        "Work on a topic's records one by one, as on a queue.",
    ),
    "group": (
        "mq.commands.group.app",
        _THINGS,
        "Look at consumer groups, reset them, skip a record.",
    ),
    "list": ("mq.commands.things.listing", _THINGS, "List everything, by kind and name."),
    "show": ("mq.commands.things.show", _THINGS, "Show one thing of any kind."),
    "lease": ("mq.commands.lease.app", _THINGS, "See who holds which message, and take it back."),
    "dlq": ("mq.commands.dlq.app", _THINGS, "Look at dead letters, send them back, undo that."),
    "exchange": (
        "mq.commands.exchange.app",
        _THINGS,
        "Create, list, show, alter, delete exchanges.",
    ),
    "bind": (
        "mq.commands.exchange.bind",
        _THINGS,
        "Lead an exchange to a queue, topic or exchange.",
    ),
    "unbind": ("mq.commands.exchange.unbind", _THINGS, "Undo a binding."),
    "binding": ("mq.commands.exchange.binding", _THINGS, "List bindings."),
    "route": (
        "mq.commands.exchange.route",
        _THINGS,
        "Show where a message would go, and why not elsewhere.",
    ),
    "produce": (
        "mq.commands.produce",
        _DATA,
        "Append records to a topic, send messages to a queue.",
    ),
    "publish": ("mq.commands.publish", _DATA, "Send messages wherever an exchange leads them."),
    "consume": (
        "mq.commands.consume",
        _DATA,
        "Read a topic, alone or as part of a group, or a queue.",
    ),
    "work": ("mq.commands.work", _DATA, "Run a command once per message; its exit code decides."),
    "pipe": ("mq.commands.pipe", _DATA, "Pass values through a command, exactly once."),
    "project": ("mq.commands.project", _DATA, "Keep a plain SQL table of a topic."),
    "peek": ("mq.commands.peek.peek", _DATA, "Look at records or messages; nothing is taken."),
    "receive": (
        "mq.commands.lease.receive",
        _DATA,
        "Lease messages of a queue or share; then ack them.",
    ),
    "ack": ("mq.commands.lease.ack", _DATA, "Say that received messages are done with."),
    "nack": (
        "mq.commands.lease.nack",
        _DATA,
        "Give received messages back, or refuse them for good.",
    ),
    "extend": ("mq.commands.lease.extend", _DATA, "Keep received messages for longer."),
    "plan": (
        "mq.commands.topology.plan",
        _OPERATIONS,
        "Show what applying topology files would do.",
    ),
    "apply": ("mq.commands.topology.apply", _OPERATIONS, "Make the store what topology files say."),
    "export": ("mq.commands.topology.export", _OPERATIONS, "Write the store as a topology file."),
    "import": (
        "mq.commands.topology.import_definitions",
        _OPERATIONS,
        "Turn a definitions file of RabbitMQ into a topology.",
    ),
    "validate": (
        "mq.commands.topology.validate",
        _OPERATIONS,
        "Check topology files, without a store.",
    ),
    "migrate": (
        "mq.commands.migrate",
        _OPERATIONS,
        "Copy the store to another place: a file or a server.",
    ),
    "status": (
        "mq.commands.store.status",
        _OPERATIONS,
        "Show which store is used, and its contents.",
    ),
    "features": (
        "mq.commands.features",
        _OPERATIONS,
        "Show the features of each engine, and why one is absent.",
    ),
    "lag": (
        "mq.commands.operations.lag",
        _OPERATIONS,
        "Show how far each group and share is behind.",
    ),
    "advise": (
        "mq.commands.operations.advise",
        _OPERATIONS,
        "Judge whether a workload wants a log or a queue.",
    ),
    "dashboard": ("mq.commands.dashboard", _OPERATIONS, "Watch it all live, and end stalls."),
    "stalls": (
        "mq.commands.operations.stalls",
        _OPERATIONS,
        "Show what blocks what, why, and the way out.",
    ),
    "doctor": (
        "mq.commands.operations.doctor",
        _OPERATIONS,
        "Find problems, and the commands that help.",
    ),
    "metrics": (
        "mq.commands.operations.metrics",
        _OPERATIONS,
        "Write the store's state as OpenMetrics.",
    ),
    "verify": (
        "mq.commands.store.verify",
        _OPERATIONS,
        "Check every record and counter of the store.",
    ),
    "backup": ("mq.commands.store.backup", _OPERATIONS, "Copy the store while it is in use."),
    "restore": (
        "mq.commands.store.restore",
        _OPERATIONS,
        "Put a backup in the place of the store.",
    ),
    "salvage": (
        "mq.commands.store.salvage",
        _OPERATIONS,
        "Copy the intact part of a damaged store to a new one.",
    ),
    "vacuum": (
        "mq.commands.store.vacuum",
        _OPERATIONS,
        "Give unused space back to the file system.",
    ),
    "store": ("mq.commands.store.app", _OPERATIONS, "Show and change the settings of the store."),
    "serve": ("mq.commands.serve", _OPERATIONS, "Serve the store to clients of SQS."),
    "bench": ("mq.commands.bench", _OPERATIONS, "Measure mq beside other queues on this machine."),
    "demo": ("mq.commands.demo", _OPERATIONS, "Tell a story on real data in a temporary folder."),
}


class RootGroup(OptionsGroup):
    """`mq` itself: its commands are stand-ins until one of them is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands, in the order of the help."""
        self._add_commands()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, or nothing for an unknown name."""
        self._add_commands()
        return super().get_command(ctx, cmd_name)

    def _add_commands(self) -> None:
        if not self.commands:
            for name, (module, panel, help) in COMMANDS.items():
                self.add_command(LazyCommand(name, module, help, panel))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the global options; `help` and `version` are other words for options."""
        if args[:1] == ["help"]:
            args = [*args[1:], "--help"]
        elif args == ["version"]:
            args = ["--version"]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the named command; `show` and `list` may have the kind of thing behind them."""
        if args[0] in {"show", "list", "ls"} and len(args) > 1:
            from mq.commands.vocabulary import noun_first

            args = noun_first(args)
        name, *rest = args
        if name in COMMANDS:
            module, panel, help = COMMANDS[name]
            return name, LazyCommand(name, module, help, panel).load(), rest
        return super().resolve_command(ctx, args)

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Write what mq is, the commands to start with, and which one reads for what."""
        from mq.cli.examples import write_first_steps

        super().format_help_text(ctx, formatter)
        write_first_steps(formatter)


app = typer.Typer(
    name="mq",
    cls=RootGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from mq import __version__
        from mq.cli.context import current_context

        current_context().output.text(f"mq {__version__}")
        raise typer.Exit


@app.callback()
def mq(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Topics, queues and exchanges in one SQLite file, with no server."""


def run(words: Sequence[str]) -> int:
    """Run one command line and return its exit code; nothing is raised."""
    _occupy_standard_streams()
    context = start_context()
    code = _close_stdout(context, _guarded(context, list(words)))
    _flushed(sys.stderr)
    return code


def _guarded(context: Context, words: list[str]) -> int:
    try:
        return _run([*words])
    except MqError as error:
        return _report(context, error, exit_code(error), words)
    except typer.TyperException as error:
        return _report(context, _usage_error(error), ExitCode.BAD_INPUT, words)
    except (ReaderGone, BrokenPipeError):
        return ExitCode.READER_GONE
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except OSError as error:
        problem = _system_error(error)
        return _report(context, problem, exit_code(problem), words)
    except Exception as error:
        problem = _unexpected(context, error)
        return _report(context, problem, exit_code(problem), words)


def _unexpected(context: Context, error: Exception) -> MqError:
    # Damage of the read records may come out as late as this.
    with suppress(MqError, OSError):
        from store import Store

        if damage := Store.damage_behind(error, context.store_location().path):
            return damage
    return MqError(
        f"{type(error).__name__}: {error}", hint="this is a bug in mq; --debug shows where"
    )


def _run(words: list[str]) -> int:
    command = typer.main.get_command(app)
    if COMPLETION_VARIABLE in os.environ:
        command.main(args=words, prog_name="mq")
    try:
        # Not command.main(): it would turn a closed pipe into exit code 1.
        with command.make_context("mq", words) as invocation:
            result = command.invoke(invocation)
    except typer.Exit as finished:
        return finished.exit_code
    return result if isinstance(result, int) else ExitCode.OK


def _report(context: Context, error: MqError, code: ExitCode, words: list[str]) -> int:
    if context.format is None:
        # The words after a usage error were never parsed.
        context.format = _format_in(words)
    if context.debug or "--debug" in words:
        context.diagnostics.traceback()
    context.diagnostics.error(error)
    return code


def _usage_error(error: typer.TyperException) -> BadInput:
    message = error.format_message().rstrip(".")
    message = message.replace("a valid int range", "a valid int")
    message = message.replace("a valid int", "a whole number")
    invocation = getattr(error, "ctx", None)
    hint = f"{invocation.command_path if invocation else 'mq'} --help"
    if invocation and message.startswith("Missing"):
        hint = _as_in(invocation.command_path, hint)
    if option := getattr(error, "option_name", ""):
        from mq.commands.vocabulary import meant_by_option

        message, _, _ = message.partition(" (")
        hint = meant_by_option(option) or _nearest_option(error, option, hint)
    return BadInput(message[:1].lower() + message[1:], hint=hint)


def _as_in(path: str, otherwise: str) -> str:
    """Return the hint with an example of the command."""
    from mq.cli.examples import EXAMPLES

    examples = EXAMPLES.get(path, ())
    return f"as in {examples[0]}" if examples else otherwise


def _nearest_option(error: typer.TyperException, option: str, hint: str) -> str:
    from store.model.nearest import did_you_mean

    return did_you_mean(option, getattr(error, "possibilities", None) or (), hint)


def _format_in(words: list[str]) -> Format | None:
    """Return the JSON format of the options, if they have one."""
    given = words[: words.index("--")] if "--" in words else words
    for word, following in zip(given, [*given[1:], ""], strict=False):
        value = word.removeprefix("--output=") if word.startswith("--output=") else word[2:]
        wanted = following if word in {"-o", "--output"} else value
        if word == "--json" or (word.startswith(("-o", "--output")) and wanted == Format.JSON):
            return Format.JSON
        if word.startswith(("-o", "--output")) and wanted == Format.NDJSON:
            return Format.NDJSON
    return None


def _system_error(error: OSError) -> MqError:
    reason = error.strerror or str(error)
    message = f"{error.filename}: {reason}" if error.filename else reason
    if error.errno == errno.ENAMETOOLONG:
        return BadInput(message, hint="choose a shorter name")
    return MqError(message, FEWER_FILES if is_too_many_files(error) else "")


def _occupy_standard_streams() -> None:
    # A stream that the caller closed would leave its number to the next file that is opened, and
    # output would go into the store. Opened for reading, it refuses to be written.
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDONLY)
            if number:
                setattr(sys, name, os.fdopen(number, "w"))
    if isinstance(sys.stdout, TextIOWrapper):
        # Without it a help text could not be printed where $PYTHONIOENCODING lacks a letter of it.
        sys.stdout.reconfigure(errors="backslashreplace")


def _close_stdout(context: Context, code: int) -> int:
    problem = _flushed(sys.stdout)
    if problem is None or code != ExitCode.OK:
        return code
    if isinstance(problem, BrokenPipeError):
        return ExitCode.READER_GONE
    context.diagnostics.error(MqError(f"standard output: {problem.strerror}"))
    return ExitCode.FAILED


def _flushed(stream: TextIO) -> OSError | None:
    """Write out the buffer of a standard stream; bytes that it can't take are dropped."""
    try:
        stream.flush()
    except OSError as problem:
        # Otherwise the interpreter's own flush at exit would fail too, and make the exit code 120.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return problem
    return None
