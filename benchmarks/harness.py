"""What the measurements share: options, tables, and files of figures with where they are from.

Every script prints a table, or with `--json` the same as a document. With `--save` it writes the
document to `benchmarks/results` and its picture, where it has one, to `docs/captures`, both under
the script's own name.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def options(description: str | None) -> ArgumentParser:
    """A parser with the options that all scripts have."""
    parser = ArgumentParser(
        description=description, formatter_class=RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--json", action="store_true", help="print a document, not a table")
    parser.add_argument(
        "--save", nargs="?", type=Path, const=ROOT, metavar="FOLDER",
        help="write figures and picture to benchmarks/results and docs/captures (of that folder)",
    )  # fmt: skip
    return parser


def microseconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    began = perf_counter()
    call()
    return (perf_counter() - began) * 1e6


def cpu_seconds(pid: int) -> float:
    """The CPU time that a process has taken so far, in steps of a hundredth; Linux has it."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine() -> dict[str, Any]:
    """Where the figures are from, and how busy it is: one process at work would make it 1."""
    return {
        "date": date.today().isoformat(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def publish(
    given: Namespace, table: str, document: dict[str, Any], picture: str | None = None
) -> None:
    """Print the table or the document, and save what is to be saved."""
    text = json.dumps(document, indent=1, default=_plain)
    print(text if given.json else table)
    if given.save is not None:
        name = Path(sys.argv[0]).stem.replace("_", "-")
        _write(given.save / "benchmarks" / "results" / f"{name}.json", text + "\n")
        if picture is not None:
            _write(given.save / "docs" / "captures" / f"{name}.svg", picture)


def _plain(row: Any) -> dict[str, Any]:
    if is_dataclass(row) and not isinstance(row, type):
        return asdict(row)
    raise TypeError(f"not a row: {row!r}")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def columns(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Aligned columns: words to the left, numbers to the right."""
    cells = [list(heads), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [not isinstance(value, str) for value in rows[0]] if rows else [False] * len(heads)
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in cells
    )


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float() if abs(value) < 100:
            return f"{value:.{1 + (abs(value) < 10)}f}"
        case int() | float():
            return f"{value:,.0f}"
    return str(value)
