"""Screen 1: the rows with their last ten minutes, and the plots of the selected one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from store import NewRecord, Store
from store.model.clock import ManualClock
from tests.tui.conftest import Person

Run = Callable[..., None]
SIZES = [(80, 24), (140, 40), (200, 50)]


@pytest.fixture
def busy(store: Store, clock: ManualClock) -> Store:
    """A topic that a group reads too slowly, and a queue, both two minutes old."""
    store.create_topic("orders", partitions=2)
    store.create_queue("mails", lease=30)
    with store.consumer("billing", ["orders"], member="b-1", session_timeout=3600) as billing:
        for step in range(12):
            store.produce_many("orders", [NewRecord(f"{step}-{n}") for n in range(30)])
            billing.poll(10, timeout=0)
            billing.commit()
            store.send("mails", "m")
            clock.advance(10)
    return store


@pytest.mark.parametrize("size", SIZES)
def test_every_size_shows_the_backlog_and_the_flow_of_the_selected_row(
    busy: Store, run: Run, size: tuple[int, int]
) -> None:
    async def errand(person: Person) -> None:
        text = person.screen()
        for word in ("STATE", "BACKLOG", "LAST 10 MIN", "OUTLOOK", "OLDEST", "FLOW", "now"):
            assert word in text
        assert "/s growing" in text
        assert text.count("⣿") > 20

    run(busy, errand, size)


def test_unknown_is_not_drawn_as_zero(busy: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        (row,) = (row for row in person.rows("subjects") if "|mails|" in row)
        trend = row.split("|")[4]
        assert trend.startswith(" ")
        assert trend.endswith("▇")

    run(busy, errand)


def test_the_head_of_the_plot_says_whose_lag_it_shows(busy: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        assert "lag of billing" in person.screen()
        await person.press("down")
        assert "messages in the queue" in person.screen()

    run(busy, errand, (140, 40))


def test_the_groups_of_a_topic_stand_below_its_plots(busy: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        rows = person.screen().splitlines()
        (head,) = (at for at, row in enumerate(rows) if row.startswith("   GROUP"))
        assert rows[head + 1].split()[:2] == ["▲", "billing"]

    run(busy, errand, (140, 40))


def test_wide_terminals_show_the_lanes_beside_the_plots(busy: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        assert person.screen().count("┫") == 2
        assert "billing −" in person.screen()

    run(busy, errand, (200, 50))


@pytest.mark.parametrize("size", SIZES)
def test_a_selected_subject_that_goes_leaves_the_others(
    busy: Store, run: Run, size: tuple[int, int]
) -> None:
    async def errand(person: Person) -> None:
        await person.press("down")
        busy.delete_queue("mails")
        await person.look()
        assert person.toasts == []
        assert "orders" in person.screen()

    run(busy, errand, size)


def test_an_empty_store_says_what_to_do(store: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        assert "nothing here yet: mq topic create NAME" in person.screen()

    run(store, errand)


def test_hundreds_of_rows_leave_room_for_the_plots(store: Store, run: Run) -> None:
    for number in range(300):
        store.create_queue(f"q{number:03}")

    async def errand(person: Person) -> None:
        await person.press("G")
        text = person.screen()
        assert "q299" in text
        assert "BACKLOG" in text.splitlines()[-8]
        await person.burst("/q29\r")
        assert "10 of 300" in person.screen()

    run(store, errand, (80, 24))
