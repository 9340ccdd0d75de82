"""The files that topology commands are given, `-` for standard input."""

from __future__ import annotations

from typing import Annotated

import typer

from mq.cli.standard_input import standard_input
from store.model.errors import BadInput
from store.topology.documents import LARGEST
from store.topology.reading import STANDARD_INPUT, Source

Files = Annotated[
    list[str], typer.Argument(metavar="FILE…", help="Topology files; - reads standard input.")
]

Prune = Annotated[
    bool,
    typer.Option(
        "--prune", help="Also delete what these files created and no longer have; see mq plan."
    ),
]


def read_sources(files: list[str]) -> list[Source]:
    """The files' contents; raises `NotFound` for one that is not there."""
    if len(set(files)) < len(files):
        raise BadInput("a file is named twice")
    return [read_source(file, LARGEST) for file in files]


def read_source(file: str, most: int) -> Source:
    """One file, of which no more than `most` bytes and one are read; raises `NotFound`."""
    if file == "-":
        return Source(STANDARD_INPUT, standard_input().read(most + 1))
    return Source.of(file, most)
