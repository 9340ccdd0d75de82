"""`mq metrics`: the store as OpenMetrics text, for Prometheus and other readers."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from mq.cli.context import current_context
from mq.cli.output import Column
from mq.commands import SingleCommand
from store.model.errors import BadInput
from store.model.metrics import Family, to_openmetrics

app = SingleCommand()


class Number(NamedTuple):
    """One sample with the name of its metric."""

    name: str
    labels: dict[str, str]
    value: float


NUMBERS: list[Column[Number]] = [
    Column("name", lambda number: number.name),
    Column("labels", lambda number: number.labels),
    Column("value", lambda number: number.value, right=True),
]


@app.command()
def metrics(
    to_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File, replaced at once, as for node_exporter's textfile collector.",
        ),
    ] = None,
) -> None:
    """Write depths, lags, ages, stalls and sizes as OpenMetrics text.

    Run it from time to time with --to-file in the folder that node_exporter's textfile collector
    reads, or serve its output. With -o the numbers come as rows instead.
    """
    context = current_context()
    with context.open_store() as store:
        families = store.metrics()
    if to_file is not None:
        _replace(to_file, to_openmetrics(families))
    elif context.format is not None:
        context.output.listing(NUMBERS, _numbers(families))
    else:
        context.output.text(to_openmetrics(families).rstrip("\n"))


def _numbers(families: list[Family]) -> list[Number]:
    return [
        Number(family.sample_name, dict(sample.labels), sample.value)
        for family in families
        for sample in family.samples
    ]


def _replace(target: Path, text: str) -> None:
    """Write a file that others read meanwhile: they see the old one or the new one."""
    try:
        descriptor, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise BadInput(f"can't write to {target.parent}: {error.strerror}") from error
    try:
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        # The collector may run as another user.
        os.chmod(draft, 0o644)
        os.replace(draft, target)
    except OSError as error:
        with suppress(OSError):
            os.unlink(draft)
        raise BadInput(f"can't write {target}: {error.strerror}") from error
