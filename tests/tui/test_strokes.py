"""Whatever is done at a dashboard, at whatever speed, it goes on, and ends when it is told to.

`MQ_FUZZ_SEED` repeats the strokes of a run, though not what they meet.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual import events
from textual.keys import _character_to_key

from store import Store
from tests.support.strokes import NAMES, SIZES, stroke
from tests.support.terminals import ROOT, OnTerminal, dashboard
from tests.support.writer import furnish, step
from tests.tui.conftest import Person
from tui.places import KEYS

PACES = ((0.0, 0.0), (0.0, 0.01), (0.01, 0.08))
WRITER = Path(__file__).parents[1] / "support" / "writer.py"


@pytest.fixture
def seed() -> int:
    """What the strokes follow from; it is printed, and stands in $MQ_FUZZ_SEED to repeat them."""
    seed = int(os.environ.get("MQ_FUZZ_SEED") or random.randrange(1 << 32))
    print(f"repeat with MQ_FUZZ_SEED={seed}")
    return seed


@pytest.fixture
def busy(path: Path) -> Iterator[Path]:
    """A store with everything in it that a dashboard shows, while another process changes it."""
    with Store.open(path, create=True, durability="normal") as store:
        furnish(store)
    with subprocess.Popen(
        [sys.executable, str(WRITER), str(path), "1"], env=os.environ | {"PYTHONPATH": str(ROOT)}
    ) as writer:
        yield path
        assert writer.poll() is None, "the writer beside goes on to the end"
        writer.kill()


def do(person: OnTerminal, chance: random.Random, pace: tuple[float, float]) -> None:
    """One stroke at a pace, and at times a look at what comes of it."""
    for part in stroke(chance):
        if isinstance(part, bytes):
            person.type(part)
        else:
            person.resize(*part)
        person.watch(chance.uniform(*pace))
    if chance.random() < 0.2:
        person.watch(0.2)


def fuzz(path: Path, seed: int, strokes: int) -> None:
    chance = random.Random(seed)
    with dashboard(path, "--refresh", "250ms") as person:
        person.wait_for(b"emails")
        pace = chance.choice(PACES)
        for _ in range(strokes):
            if chance.random() < 0.1:
                pace = chance.choice(PACES)
            do(person, chance, pace)
        person.resize(*SIZES[0])
        assert person.leave() == 0, person.tail
        assert person.is_as_before


def test_views_that_open_faster_than_they_are_drawn_end_nothing(busy: Path, seed: int) -> None:
    chance = random.Random(seed)
    with dashboard(busy, "--refresh", "250ms") as person:
        person.wait_for(b"emails")
        for _ in range(8):
            for keys in (b":emails\r", b"\x1b", b"\r", b":emails\r", b"X", b"\x1b"):
                person.type(keys)
                person.watch(chance.uniform(0.01, 0.08))
        assert person.leave() == 0, person.tail


def test_no_strokes_end_it(busy: Path, seed: int) -> None:
    fuzz(busy, seed, strokes=50)


@pytest.mark.nightly
@pytest.mark.parametrize("round", range(60))
def test_no_strokes_end_it_in_long_runs(busy: Path, seed: int, round: int) -> None:
    fuzz(busy, seed + round, strokes=500)


@pytest.mark.parametrize("round", range(1))
def test_no_keys_end_it_however_far_its_views_are(
    store: Store, run: Callable[..., None], seed: int, round: int
) -> None:
    chance = random.Random(seed + round)
    furnish(store)

    async def errand(person: Person) -> None:
        for _ in range(150):
            press(person, chance)
            if chance.random() < 0.3:
                step(store, chance)
            # From not at all to long enough for a view to open and its answer to come.
            for _ in range(chance.choice([0, 0, 1, 3, 10, 40])):
                await asyncio.sleep(0)
        await person.press(*["escape"] * 12)
        assert "LIVE" in person.screen() or "PAUSED" in person.screen()

    run(store, errand)


def press(person: Person, chance: random.Random) -> None:
    """Press a key, or the keys of a word, without waiting for what comes of it."""
    keys = [key.key for key in KEYS if key.id != "quit"]
    keys += ["enter"] * 8 + ["escape"] * 8 + ["up", "down", "tab", "ctrl+p", "ctrl+s"]
    word = f":{chance.choice(NAMES)}\r" if chance.random() < 0.2 else ""
    for key in [_character_to_key(char) for char in word] or [chance.choice(keys)]:
        char = {"slash": "/", "colon": ":"}.get(key, key if len(key) == 1 else None)
        person.app.post_message(events.Key(key, char))
    if chance.random() < 0.1:
        person.app.poller.look()
