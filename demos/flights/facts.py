"""What the records themselves say: read from what `mq consume -o ndjson` printed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone

# New York keeps this offset all winter.
NEW_YORK = timezone(timedelta(hours=-5), "EST")


@dataclass(frozen=True, slots=True)
class Flight:
    """One record: its line as it was printed, and what the story needs of it."""

    line: bytes
    partition: int
    offset: int
    key: str
    day: date
    carrier: str
    left: bool

    @property
    def place(self) -> tuple[int, int]:
        """Partition and offset, which no other record has."""
        return self.partition, self.offset


@dataclass(frozen=True, slots=True)
class Day:
    """A day in New York: how many flights, and how many of them never left."""

    day: date
    flights: int
    never_left: int

    @property
    def begin(self) -> str:
        """Midnight in New York as a person would type it: `2013-02-08T00:00-05:00`."""
        return _midnight(self.day)

    @property
    def end(self) -> str:
        """The midnight after it."""
        return _midnight(self.day + timedelta(days=1))

    @property
    def name(self) -> str:
        """The day for people: `Friday, 8 February 2013`."""
        return f"{self.day:%A}, {self.day.day} {self.day:%B %Y}"


@dataclass(frozen=True, slots=True)
class Facts:
    """All flights of the topic, by day, and the worst day of them."""

    flights: list[Flight]
    days: list[Day]
    worst: Day

    def before(self, day: date) -> int:
        """How many flights were scheduled before a day."""
        return sum(flight.day < day for flight in self.flights)


def parse_flights(lines: Iterable[bytes]) -> list[Flight]:
    """Read records from NDJSON lines."""
    return [_parse_flight(line) for line in lines]


def gather(flights: list[Flight]) -> Facts:
    """Count the flights by day; the worst is the day on which most never left."""
    all_by_day = Counter(flight.day for flight in flights)
    never_left = Counter(flight.day for flight in flights if not flight.left)
    days = [Day(day, all_by_day[day], never_left[day]) for day in sorted(all_by_day)]
    return Facts(flights, days, max(days, key=lambda day: day.never_left))


def by_carrier(flights: list[Flight]) -> dict[str, tuple[int, int]]:
    """How many flights each airline had, and how many of them never left."""
    scheduled = Counter(flight.carrier for flight in flights)
    never_left = Counter(flight.carrier for flight in flights if not flight.left)
    return {carrier: (scheduled[carrier], never_left[carrier]) for carrier in scheduled}


def _parse_flight(line: bytes) -> Flight:
    record = json.loads(line)
    value = json.loads(record["value"])
    moment = datetime.fromisoformat(record["timestamp"])
    return Flight(
        line,
        record["partition"],
        record["offset"],
        record["key"],
        moment.astimezone(NEW_YORK).date(),
        value["carrier"],
        value["dep_time"] is not None,
    )


def _midnight(day: date) -> str:
    return datetime.combine(day, time(), NEW_YORK).isoformat(timespec="minutes")
