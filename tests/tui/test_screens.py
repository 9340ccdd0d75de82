"""The screens as text, as they stand in `screens/`; UPDATE_SCREENS=1 writes them anew."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store import Store
from tests.tui.conftest import Person

SCREENS = Path(__file__).parent / "screens"
SIZES = {"80x24": (80, 24), "140x40": (140, 40)}
WAYS = {
    "overview": (),
    "topics": ("2", "enter"),
    "queues": ("3",),
    "stall": ("n", "enter"),
    "records": ("2", "enter", "p"),
    "help": ("question_mark",),
}


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


# A card is wrapped where it is narrow, and then the length of a pid would show.
@pytest.mark.parametrize(
    ("name", "size"),
    [(name, size) for name in WAYS for size in SIZES if (name, size) != ("stall", "80x24")],
)
def test_the_screen_looks_as_it_did(
    stalled: Store, run: Callable[..., None], name: str, size: str
) -> None:
    seen = ""

    async def errand(person: Person) -> None:
        nonlocal seen
        await person.press(*WAYS[name])
        seen = person.screen()

    run(stalled, errand, SIZES[size])
    # The vitals have the path of the store, which is tested by itself; a pid is another each time.
    shown = re.sub(r"pid \d+ on [^ ,]+", "pid 1 on host", seen.split("\n", 2)[2]) + "\n"
    golden = SCREENS / f"{name}-{size}.txt"
    if os.environ.get("UPDATE_SCREENS"):
        SCREENS.mkdir(exist_ok=True)
        golden.write_text(shown)
    assert shown == golden.read_text()
