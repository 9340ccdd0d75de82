"""Runs the command line: what goes wrong becomes one line on stderr and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import TextIO

import typer

from mq.cli.app import app
from mq.cli.context import Context, start_context
from mq.cli.diagnostics import ExitCode, exit_code
from mq.cli.output import Format, ReaderGone
from store.model.errors import FEWER_FILES, BadInput, MqError, is_too_many_files

COMPLETION_VARIABLE = "_MQ_COMPLETE"


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
        return _report(context, _system_error(error), ExitCode.FAILED, words)
    except Exception as error:
        problem = _unexpected(context, error)
        return _report(context, problem, exit_code(problem), words)


def _unexpected(context: Context, error: Exception) -> MqError:
    # Damage in what was read may come out as late as this.
    with suppress(MqError, OSError):
        from store.sqlite.damage.suspicion import damage_behind

        if damage := damage_behind(error, context.store_location().path):
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
    if near := getattr(error, "possibilities", None):
        from store.model.nearest import did_you_mean

        message, _, _ = message.partition(" (")
        hint = did_you_mean(getattr(error, "option_name", ""), near, hint)
    return BadInput(message[:1].lower() + message[1:], hint=hint)


def _format_in(words: list[str]) -> Format | None:
    """The JSON format that the words ask for, if they do."""
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
    return MqError(message, FEWER_FILES if is_too_many_files(error) else "")


def _occupy_standard_streams() -> None:
    # A stream that the caller closed would leave its number to the next file that is opened, and
    # what is printed would go into the store. Opened for reading, it refuses what is written.
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDONLY)
            if number:
                setattr(sys, name, os.fdopen(number, "w"))
    if isinstance(sys.stdout, TextIOWrapper):
        # Else a help text could not be printed where $PYTHONIOENCODING lacks a letter of it.
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
    """Write out what a standard stream still holds; what it could not take is dropped."""
    try:
        stream.flush()
    except OSError as problem:
        # Else the interpreter's own flush at exit would fail too, and make the exit code 120.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return problem
    return None
