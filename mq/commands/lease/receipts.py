"""Receipts from a command line, or from stdin as `receive` printed them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from mq.cli.context import Context
from mq.cli.output import Column
from mq.cli.reporting import report_done
from store.model.errors import BadInput
from store.model.text import counted, without_mark

Receipts = Annotated[
    list[str],
    typer.Argument(metavar="RECEIPT…", help="Receipts; - is stdin, also lines of mq receive."),
]
_SETTLED: list[Column[str]] = [Column("receipt", lambda receipt: receipt)]


def read_receipts(words: Sequence[str]) -> list[str]:
    """Return the receipts of the words, each once; `-` stands for those on stdin.

    A line of stdin is a receipt, or a message with one as `mq receive` prints it. Raises BadInput.
    """
    if words.count("-") > 1:
        raise BadInput("stdin can be read once", hint="give - once")
    given = (receipt for word in words for receipt in (_on_stdin() if word == "-" else [word]))
    return list(dict.fromkeys(given))


def _on_stdin() -> Iterator[str]:
    from mq.cli.context import standard_input

    for number, line in enumerate(map(without_mark, standard_input()), 1):
        if line.strip():
            yield _receipt_in(line.strip(), number)


def _receipt_in(line: bytes, number: int) -> str:
    if not line.startswith(b"{"):
        return line.decode(errors="backslashreplace")
    from mq.text.strict_json import parse_json

    try:
        receipt = parse_json(line).get("receipt")
    except BadInput as error:
        raise BadInput(f"line {number}: {error.message}", hint=error.hint) from None
    if not isinstance(receipt, str):
        raise BadInput(
            f"line {number}: the message has no receipt", hint="mq receive leases messages"
        )
    return receipt


def report_settled(context: Context, receipts: Sequence[str], done: str) -> None:
    """Report the settled messages of these receipts."""
    report_done(context, _SETTLED, receipts, f"{counted(len(receipts), 'message')} {done}")
