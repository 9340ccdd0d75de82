"""The files of topology commands, `-` for standard input."""

from __future__ import annotations

from typing import Annotated

import typer

from mq.cli.context import standard_input
from store.model.errors import BadInput
from store.topology.documents import LARGEST
from store.topology.reading import STANDARD_INPUT, TopologyFile

Files = Annotated[list[str], typer.Argument(metavar="FILE…", help="Topology files; - is stdin.")]

Prune = Annotated[
    bool,
    typer.Option("--prune", help="Deletion of things that these files created and dropped."),
]


def read_sources(files: list[str]) -> list[TopologyFile]:
    """Return the files' contents; raises `NotFound` for a missing one."""
    if len(set(files)) < len(files):
        raise BadInput("a file is named twice")
    return [read_source(file, LARGEST) for file in files]


def read_source(file: str, most: int) -> TopologyFile:
    """Return one file, at most `most` bytes and one more; raises `NotFound`."""
    if file == "-":
        return TopologyFile(STANDARD_INPUT, standard_input().read(most + 1))
    return TopologyFile.of(file, most)
