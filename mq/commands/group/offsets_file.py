"""Files of offsets: `topic,partition,offset` a line, without a header, as Kafka's tool has them.

With several groups in it a file has `group,topic,partition,offset`. An offset of `-` is no commit.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path

from mq.cli.context import standard_input
from store.model.addresses import parse_address
from store.model.errors import BadInput, Exists, MqError, NotFound
from store.model.text import without_mark

Place = tuple[str, int]
NO_COMMIT = "-"


def offset_lines(offsets: Iterable[tuple[Place, int | None]]) -> str:
    """Return offsets as the text of a file for one group."""
    return "".join(
        f"{topic},{partition},{NO_COMMIT if offset is None else offset}\n"
        for (topic, partition), offset in offsets
    )


def read_offsets(path: Path, group: str) -> dict[Place, int | None]:
    """Return the offsets that a file has for a group; raises `BadInput` naming file and line."""
    offsets: dict[Place, int | None] = {}
    lines = _text(path).splitlines()
    for number, row in enumerate(csv.reader(lines), start=1):
        if not row or (len(row) == 4 and row[0] != group):
            continue
        try:
            place, offset = _parse(row[-3:] if len(row) == 4 else row)
            if place in offsets:
                raise BadInput(f"{place[0]}/{place[1]} stands there a second time")
        except BadInput as error:
            raise BadInput(f"{path}:{number}: {error.message}", hint=error.hint) from None
        offsets[place] = offset
    if not offsets:
        raise BadInput(f"{path} has no offsets of group {group}")
    return offsets


def _text(path: Path) -> str:
    try:
        content = standard_input().read() if str(path) == "-" else path.read_bytes()
        return without_mark(content).decode()
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}") from None
    except OSError as error:
        raise BadInput(f"can't read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not text in UTF-8") from None


def _parse(row: list[str]) -> tuple[Place, int | None]:
    if len(row) != 3:
        raise BadInput(
            f"a line has topic,partition,offset, not {len(row)} fields",
            hint="or group,topic,partition,offset; no header",
        )
    topic, partition, offset = (field.strip() for field in row)
    address = parse_address(f"{topic}/{partition}")
    assert address.partition is not None
    if offset == NO_COMMIT:
        return (topic, address.partition), None
    digits = offset.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 13):
        raise BadInput(f"{offset!r} is not an offset", hint=f"a number, or {NO_COMMIT} for none")
    return (topic, address.partition), int(offset)


def write_offsets(path: Path, text: str) -> None:
    """Write a new file that survives a power cut; raises `Exists` where there is one already."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise Exists(f"{path} exists already", hint="name a new file with --undo-file") from None
    except OSError as error:
        raise MqError(f"can't write {path}: {error.strerror}; nothing was changed") from error


def free_path(stem: str) -> Path:
    """Return a name in the current folder that no file has: `STEM.csv`, `STEM-2.csv` and so on."""
    path, number = Path(f"{stem}.csv"), 1
    while path.exists():
        number += 1
        path = Path(f"{stem}-{number}.csv")
    return path
