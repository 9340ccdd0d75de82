"""Screen 3: queues as stacked parts, and the leases of the selected one running down."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from store import NewMessage, Store, Subject
from store.model.clock import ManualClock
from store.model.stalls import LeaseRow
from tests.tui.conftest import Person
from tui.screens.queue_rows import lease_rows, queue_rows
from tui.widgets.spans import Tone, plain

Run = Callable[..., None]


def subject(name: str, **values: object) -> Subject:
    settings: dict[str, object] = {
        "kind": "queue", "state": "ok", "depth": 40, "ready": 26, "leased": 1, "delayed": 0,
        "blocked": 13, "lag": None, "oldest_seconds": 482.0, "in_rate": 0.05, "out_rate": 0.0,
        "trend": (), "note": "", "backlog": 40, "growth": 0.05, **values,
    }  # fmt: skip
    return Subject(name=name, **settings)  # type: ignore[arg-type]


def lease(address: str, **values: object) -> LeaseRow:
    settings: dict[str, object] = {
        "message_group": None, "holder": "mailer-1", "held_seconds": 20.0, "seconds_left": 25.0,
        "deliveries": 2, "lease_seconds": 45.0, "seen_seconds": 1.0, **values,
    }  # fmt: skip
    return LeaseRow(address=address, **settings)  # type: ignore[arg-type]


def cells(found: Subject) -> list[str]:
    (row,) = queue_rows([found], 100, 40)
    return [plain(cell) for cell in row.cells]


def test_a_row_tells_state_contents_and_outlook() -> None:
    shown = cells(subject("invoices", state="stalled"))

    assert shown[:3] == ["■ stalled", "invoices", "40"]
    assert shown[3].count("▆") + shown[3].count("▄") + shown[3].count("╳") == 16
    assert shown[4:] == ["26", "1", "0", "13", "8m02s", "+0.05/s growing"]


def test_what_an_engine_does_not_know_is_a_dash_and_leaves_the_bar_open() -> None:
    shown = cells(subject("mails", leased=None, delayed=None, backlog=None, growth=None))

    assert shown[5:7] == ["-", "-"]
    assert shown[3].endswith("┄")
    assert shown[9] == "-"


def test_a_long_name_is_shortened_in_its_middle(shop: Store, run: Run) -> None:
    shop.create_queue("team-payments-of-the-north-dead")

    async def errand(person: Person) -> None:
        await person.press("3")
        assert "team-p…h-dead" in person.screen()

    run(shop, errand, (80, 24))


@pytest.mark.parametrize(
    ("row", "tone"),
    [
        (lease("m@1"), Tone.OUT),
        (lease("m@1", seconds_left=8.9), Tone.LAGGING),
        (lease("blocker@1", seconds_left=8.9), Tone.BAD),
    ],
)
def test_a_lease_is_amber_in_its_last_fifth_and_red_for_a_blocker(
    stalled: Store, row: LeaseRow, tone: Tone
) -> None:
    from dataclasses import replace

    stalls = [replace(stalled.stalls()[0], blocker="blocker@1")]
    (shown,) = lease_rows([row], stalls, 3, 30)

    assert shown.cells[4][0].tone is tone
    assert plain(shown.cells[6]) == "2 of 3"


def test_a_holder_that_is_quiet_for_half_of_its_lease_stands_out() -> None:
    rows = lease_rows([lease("m@1", seen_seconds=23.0), lease("m@2")], [], None, 30)

    assert [row.cells[2][0].tone for row in rows] == [Tone.LAGGING, Tone.DIM]


def test_a_message_that_waits_has_no_holder_and_no_bar() -> None:
    waiting = lease(
        "m@1", holder=None, held_seconds=None, lease_seconds=None, seen_seconds=None, deliveries=0
    )
    (row,) = lease_rows([waiting], [], None, 30)

    assert [plain(cell) for cell in row.cells] == ["○ m@1", "waits", "", "", "", "25s", "-"]


def test_a_lease_runs_down_as_time_goes_on(shop: Store, run: Run, clock: ManualClock) -> None:
    shop.receive("emails", holder="mailer-1", lease=40)

    async def errand(person: Person) -> None:
        await person.press("3")
        lengths = []
        for _ in range(4):
            await person.look()
            lengths.append(person.rows("leases")[0].count("━"))
            clock.advance(10)
        assert lengths == sorted(lengths, reverse=True)
        assert len(set(lengths)) == 4

    run(shop, errand)


def test_hundreds_of_queues_are_filtered_counted_and_sorted_by_a_column(
    shop: Store, run: Run
) -> None:
    for number in range(300):
        shop.create_queue(f"team-{number:03}")
    for _ in range(3):
        shop.send("team-250", b"v")

    async def errand(person: Person) -> None:
        await person.press("3", "slash")
        await person.type("team-25")
        await person.press("enter")
        assert "10 of 303" in person.screen()
        await person.press("escape", "greater_than_sign", "greater_than_sign", "greater_than_sign")
        assert person.rows("queues")[1].split("|")[1] == "team-250"

    run(shop, errand)


def test_rows_hold_still_when_a_queue_fills(shop: Store, run: Run, clock: ManualClock) -> None:
    async def errand(person: Person) -> None:
        await person.press("3")
        before = [row.split("|")[1] for row in person.rows("queues")]
        shop.send("emails.dlq", b"late")
        clock.advance(90)
        await person.look()
        assert [row.split("|")[1] for row in person.rows("queues")] == before
        assert "s sort anew" in person.screen()
        await person.press("s")
        assert "s sort anew" not in person.screen()

    run(shop, errand)


@pytest.mark.parametrize("size", [(80, 24), (140, 40), (200, 50)])
def test_plots_of_the_selected_queue_are_shown_where_there_is_room(
    shop: Store, run: Run, size: tuple[int, int]
) -> None:
    async def errand(person: Person) -> None:
        await person.press("3")
        assert ("BACKLOG  messages in the queue" in person.screen()) == (size != (80, 24))
        assert "LEASED MESSAGE" in person.screen()

    run(shop, errand, size)


def test_a_filter_also_searches_the_figures_of_rows_out_of_view(shop: Store, run: Run) -> None:
    for number in range(300):
        shop.create_queue(f"team-{number:03}")
    shop.send_many("team-250", [NewMessage(b"v")] * 77)

    async def errand(person: Person) -> None:
        await person.press("3", "slash")
        await person.type("77")
        await person.press("enter")
        assert "team-250" in [row.split("|")[1] for row in person.rows("queues")]

    run(shop, errand)


def test_the_cursor_leads_to_rows_out_of_view_which_then_have_their_figures(
    shop: Store, run: Run
) -> None:
    for number in range(300):
        shop.create_queue(f"team-{number:03}")

    async def errand(person: Person) -> None:
        await person.press("3", "end")
        assert "▌○ idle     team-299             0" in person.screen()

    run(shop, errand)
