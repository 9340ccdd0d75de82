"""`mq demo`: the story is true, follows its data, and leaves nothing behind."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mq.cli.bundled import load
from store import MqError, Store
from store.model.placement import partition_for_key

pytestmark = pytest.mark.xdist_group("demo")

ROOT = Path(__file__).parents[2]
DATA = ROOT / "demos" / "flights" / "flights.ndjson"
Flight = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """One telling of the story."""

    code: int
    out: str
    err: str
    left_behind: list[str]
    outside: Path

    @property
    def text(self) -> str:
        """The story without line breaks and indentation."""
        return " ".join(self.out.split())

    def number(self, pattern: str) -> int:
        found = re.search(pattern.replace("#", r"([\d,]+)"), self.text)
        assert found, f"{pattern} is not in the story"
        return int(found[1].replace(",", ""))


def tell(place: Path, *words: str, package_root: Path = ROOT, **variables: str) -> Told:
    """Run `mq demo WORDS…` with an empty folder for temporary files."""
    temporary = place / "temporary"
    temporary.mkdir()
    home = place / "home"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "mq", "demo", *words],
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(package_root),
            "HOME": str(home),
            "TMPDIR": str(temporary),
            **variables,
        },
        timeout=300,
    )
    left_behind = [path.name for path in temporary.iterdir()]
    return Told(done.returncode, done.stdout, done.stderr, left_behind, home)


def read_flights(path: Path) -> list[Flight]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def installed_mq(place: Path, flights: list[Flight]) -> Path:
    """An installed mq, the demos inside the package, with these flights in the story."""
    (place / "mq").mkdir(parents=True)
    # The modules as they are, with their bytecode.
    for path in (ROOT / "mq").iterdir():
        (place / "mq" / path.name).symlink_to(path)
    (place / "store").symlink_to(ROOT / "store")
    demos = place / "mq" / "demos"
    shutil.copytree(ROOT / "demos", demos, ignore=shutil.ignore_patterns("__pycache__"))
    lines = "".join(json.dumps(flight) + "\n" for flight in flights)
    (demos / "flights" / "flights.ndjson").write_text(lines)
    return place


def new_york_day(flight: Flight) -> str:
    moment = datetime.fromisoformat(flight["time"])
    return moment.astimezone(ZoneInfo("America/New_York")).date().isoformat()


def worst_day(flights: list[Flight]) -> tuple[str, int, int]:
    """The day on which most flights never left, how many were planned, how many never left."""
    never_left = Counter(new_york_day(f) for f in flights if f["dep_time"] is None)
    day, most = never_left.most_common(1)[0]
    return day, sum(new_york_day(flight) == day for flight in flights), most


def assert_story_agrees(told: Told, flights: list[Flight]) -> None:
    """Compare every number of weight with one counted from the file itself."""
    day, planned, most = worst_day(flights)
    total = len(flights)
    read_by_board = sum(new_york_day(flight) <= day for flight in flights)
    never_left = sum(flight["dep_time"] is None for flight in flights)
    airports = {flight["dest"] for flight in flights}
    assert told.number(r" # records, \d+ keys") == total
    assert told.number(r"records, # keys, and each key is in one partition only") == len(airports)
    for partition in range(3):
        here = [f for f in flights if partition_for_key(f["dest"].encode(), 3) == partition]
        records = told.number(rf"# records of \d+ keys in partition {partition}")
        keys = told.number(rf"# keys in partition {partition}")
        assert (records, keys) == (len(here), len({flight["dest"] for flight in here}))
    assert told.number(rf"{most:,} of # flights never left") == planned
    assert f"{day}T00:00-05:00" in told.text
    assert told.number(r"The board read # and") == read_by_board
    assert told.number(r"is # behind; the audit") == total - read_by_board
    assert told.number(r"# records came again") == planned
    assert told.number(r"# of their lines stand in the first run") == planned
    printed = told.number(r"It had printed # records")
    committed = told.number(r"and committed #\. Start")
    assert told.number(r"# records came twice") == printed - committed > 0
    assert told.number(r"# flights and [\d,]+ that never left, airline by airline") == total
    assert told.number(r"flights and # that never left, airline by airline") == never_left
    assert_queue_half_agrees(told, flights)


def assert_queue_half_agrees(told: Told, flights: list[Flight]) -> None:
    """Compare what became of the work with the flights that never left on the worst day."""
    day = worst_day(flights)[0]
    cancelled = [f for f in flights if f["dep_time"] is None and new_york_day(f) == day]
    for_worker = Counter(flight["carrier"] for flight in cancelled)
    by_hand = re.search(r"(..) \d+ is done, .* and with (..) \d+ there is nothing", told.text)
    assert by_hand
    for_worker.subtract(by_hand.groups())
    unlisted, failing = max(for_worker.items(), key=lambda item: (item[1], item[0]))
    doable = for_worker.total() - failing
    assert f"a list that lacks {unlisted}." in told.text
    assert told.number(r"# messages in hand, 50 leases") == 50
    assert told.number(r"no rebooking desk for airline '…' #") == failing
    assert told.number(r"the worker finished #\.") == doable
    assert told.number(r"# dead letters of two kinds") == failing + 1
    assert told.number(r"# dead letters again") == failing + 1
    assert told.number(r"All # are rebooked now") == failing
    twice = told.number(r"The # that it had counted and not acknowledged came again")
    assert 0 < twice <= 50
    shown = re.findall(r"adding (\d+) idempotent (\d+)", told.text)
    counters = [(int(adding), int(idempotent)) for adding, idempotent in shown]
    assert counters == [(done + twice, done) for done in (doable, doable + failing)]
    assert told.number(r"# messages were acknowledged, and the ack") == len(cancelled) - 1
    assert told.number(r"All #, after every reader") == len(cancelled)
    assert told.number(rf"there now {len(flights):,} records # messages") == 0


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The story as it is shipped, told once, where $MQ_STORE names the store of other work."""
    place = tmp_path_factory.mktemp("demo")
    return tell(place, MQ_STORE=str(place / "home" / "mine.db"))


@pytest.fixture(scope="module")
def altered_flights() -> list[Flight]:
    """Fewer flights, and another day on which most never left."""
    flights = read_flights(DATA)[::4]
    for flight in flights:
        if new_york_day(flight) == "2013-02-10":
            flight["dep_time"] = None
    return flights


def test_the_story_ends_well(told: Told) -> None:
    assert (told.code, told.err) == (0, "")


def test_the_story_leaves_no_files_behind_and_the_store_of_other_work_alone(told: Told) -> None:
    assert (told.left_behind, list(told.outside.iterdir())) == ([], [])


def test_every_number_agrees_with_the_file(told: Told) -> None:
    assert_story_agrees(told, read_flights(DATA))


def test_the_killed_reader_had_committed_some_but_not_all_of_what_it_printed(told: Told) -> None:
    assert 0 < told.number(r"and committed #\. Start") < told.number(r"It had printed # records")


def test_four_readers_cost_less_than_a_hundredth_of_four_copies(told: Told) -> None:
    readers = told.number(r"after 4 readers # ") - told.number(r"after produce # ")
    log = told.number(r"after produce # ") - told.number(r"empty, with the topic # ")
    assert readers < 4 * log / 100


def test_the_story_fits_eighty_columns(told: Told) -> None:
    lines = told.out.splitlines()
    # The only line that can be longer names the folder of the demo, which may be anywhere.
    assert not [line for line in lines if len(line) > 80 and " cp " not in line]


@pytest.fixture(scope="module")
def other_story(
    tmp_path_factory: pytest.TempPathFactory, altered_flights: list[Flight]
) -> tuple[Told, Path]:
    """The story of other data, by an installed mq, in a store that is named; and that store."""
    place = tmp_path_factory.mktemp("other")
    installed = installed_mq(place / "installed", altered_flights)
    mine = place / "mine.db"
    return tell(place, "--store", str(mine), package_root=installed), mine


def test_other_data_make_another_story(
    other_story: tuple[Told, Path], altered_flights: list[Flight]
) -> None:
    told = other_story[0]
    assert (told.code, told.err) == (0, "")
    assert worst_day(altered_flights)[0] == "2013-02-10"
    assert_story_agrees(told, altered_flights)


def test_a_store_that_is_named_keeps_the_topic_its_readers_and_the_queue(
    other_story: tuple[Told, Path],
) -> None:
    with Store.open(other_story[1]) as store:
        assert {row.group for row in store.lag()} == {"audit", "board", "notify", "tally"}
        assert {queue.name: queue.ready for queue in store.queues()} == {
            "rebooking": 0,
            "rebooking.dlq": 1,
        }


@pytest.mark.parametrize(
    ("script", "right", "wrong", "complaint"),
    [
        ("tally.py", "flights + 1", "flights + 2", "the table says"),
        ("rebook.py", 'if tx.first_time("rebooked", message.id)', "if True", "the counters are"),
    ],
)
def test_a_story_that_does_not_hold_ends_with_1_and_says_so(
    tmp_path: Path,
    altered_flights: list[Flight],
    script: str,
    right: str,
    wrong: str,
    complaint: str,
) -> None:
    installed = installed_mq(tmp_path / "installed", altered_flights)
    altered = installed / "mq" / "demos" / "flights" / script
    assert right in altered.read_text()
    altered.write_text(altered.read_text().replace(right, wrong))
    told = tell(tmp_path, package_root=installed)
    assert told.code == 1
    assert f"mq: error: the story does not hold: {complaint}" in told.err
    assert told.left_behind == []


def test_what_a_scene_beside_others_raises_comes_when_it_is_to_be_printed(tmp_path: Path) -> None:
    stage = load(ROOT / "demos", "stage")
    said: list[str] = []

    class Writer:
        def text(self, text: str, *, style: str = "") -> None:
            said.append(text)

    def fail(beside: Any) -> None:
        beside.say("this far")
        beside.check(False, "it breaks")

    with stage.Stage(Writer(), tmp_path).meanwhile(fail) as print_it:
        assert said == []
        with pytest.raises(MqError, match="it breaks"):
            print_it()


def test_an_unknown_story_is_not_found_and_the_known_ones_are_named(
    run_mq: Callable[..., Any],
) -> None:
    run = run_mq("demo", "trains")
    assert (run.code, run.err) == (
        3,
        "mq: error: there is no demo 'trains'\nhint: demos there are: flights, pipeline, presence,"
        " recorder, single-active, stalls\n",
    )
