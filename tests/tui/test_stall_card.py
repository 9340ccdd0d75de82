"""The stall card says what blocks what, why, and when it is tried again, at every size."""

from __future__ import annotations

from dataclasses import replace

import pytest

from store import Stall, Store
from store.model.clock import ManualClock
from store.model.queues import Attempt
from store.model.stalls import FlowOf, StallDetail
from tui.screens.stall import StallSight, card_lines, remedy_rows
from tui.screens.stall_card import delivery_lines, table_lines, window_line
from tui.screens.stall_facts import fact_lines
from tui.widgets.flow_plots import NO_FLOW
from tui.widgets.spans import plain, width_of

SIZES = [(80, 12), (100, 20), (140, 29), (200, 40)]


@pytest.fixture
def stall(stalled: Store) -> Stall:
    """The group `billing`, stuck at orders/0@0."""
    return next(one for one in stalled.stalls() if one.kind == "group")


@pytest.fixture
def invoices(stalled: Store) -> Stall:
    """The message group of invoices, whose first message is held."""
    return next(one for one in stalled.stalls() if one.kind == "fifo")


def sight(store: Store, stall: Stall) -> StallSight:
    return StallSight(store.stall_detail(stall), NO_FLOW)


def text(store: Store, stall: Stall, width: int = 140, height: int = 29) -> str:
    lines = card_lines(stall, sight(store, stall), store.wall(), (width, height))
    return "\n".join(plain(one) for one in lines)


@pytest.mark.parametrize("size", SIZES)
def test_the_card_fits_its_lines_and_columns(stalled: Store, size: tuple[int, int]) -> None:
    for stall in stalled.stalls():
        lines = card_lines(stall, sight(stalled, stall), stalled.wall(), size)
        assert max(map(width_of, lines)) <= size[0]
        assert len(lines) <= size[1]


def test_it_begins_with_the_place_the_cause_and_for_how_long(stalled: Store, stall: Stall) -> None:
    first = text(stalled, stall).splitlines()[0]

    assert first.startswith(" ■ orders/0 → billing   POISON  it fails again and again")
    assert first.rstrip().endswith("nothing committed for 1m00s · a stall after 30s")


def test_where_narrow_the_blocker_the_error_and_the_cause_stay(
    stalled: Store, stall: Stall
) -> None:
    shown = text(stalled, stall, 80, 12)

    for part in ("POISON", "orders/0@0", "card_api 502 [/x]", "6 of 6 times", "BEHIND", "WHY"):
        assert part in shown


def test_the_log_around_the_blocker_is_shown_up_to_its_end(stall: Stall) -> None:
    shown = plain(window_line(replace(stall, offset=4_711, end=5_915), 80))

    assert shown.startswith(" committed 4,710 ▐■ 4,711▌ 4,712 4,713")
    assert shown.endswith("┄ 5,915 end ")
    assert len(shown) == 80


def test_failures_of_one_kind_are_told_once(stalled: Store, stall: Stall) -> None:
    detail = stalled.stall_detail(stall)
    rows = [plain(one) for one in table_lines(stall, detail, stalled.wall(), 70, 9)]

    assert "6 failed, the same way" in text(stalled, stall)
    assert "card_api 502" in rows[1]
    assert all("the same" in row for row in rows[2:7])


def test_waits_that_grow_are_said_to_grow(stalled: Store, stall: Stall) -> None:
    ends = (1_000, 2_000, 4_000, 9_000)
    attempts = tuple(Attempt(n, "w", at, at + 10, "nacked", "x") for n, at in enumerate(ends, 1))
    head = plain(delivery_lines(stall, StallDetail(attempts, 0, None, 99_000), 10_000, 140)[0])

    assert "4 failed" in head
    assert "each wait longer" in head
    assert "○ next try in 1m29s" in head


def test_deliveries_that_are_left_out_are_counted(stalled: Store, stall: Stall) -> None:
    attempts = tuple(Attempt(n, "w", None, n * 1000, "nacked", None) for n in range(413, 473))
    head = plain(delivery_lines(stall, StallDetail(attempts, 412, None, None), 10**6, 140)[0])

    assert "… 412 before, then 60 failed" in head


def test_a_next_try_of_which_no_time_is_known_names_what_it_waits_for(
    stalled: Store, stall: Stall
) -> None:
    assert "next when billing polls again" in text(stalled, stall)
    assert "○" not in text(stalled, stall)


def test_a_head_of_a_message_group_shows_its_holder_and_when_its_lease_ends(
    stalled: Store, invoices: Stall
) -> None:
    shown = text(stalled, invoices)

    assert "invoices · acct-1   HELD" in shown
    assert "3 messages of acct-1 wait behind it" in shown
    assert "next try in 59m00s, unless it is finished" in shown
    assert "━ has it" in shown


def test_what_waits_is_plotted_from_the_samples_of_its_partition(
    stalled: Store, stall: Stall
) -> None:
    place = FlowOf("orders", 0, "billing")
    seen = StallSight(stalled.stall_detail(stall), stalled.flows([place])[place])
    shown = "\n".join(map(plain, card_lines(stall, seen, stalled.wall(), (140, 29))))

    assert "WAITING BEHIND IT  records" in shown
    assert "FLOW  records per second, orders/0" in shown


def test_facts_yield_by_rank_where_lines_are_few(stall: Stall, clock: ManualClock) -> None:
    known = replace(stall, holder="w", holder_pid=1, retention_seconds=600.0)
    for most in range(3, 9):
        names = [plain(one)[:8].strip() for one in fact_lines(known, clock.wall(), 140, most)]
        assert len(names) <= most
        assert names[0] == "BLOCKER"
        assert ("HOLDER" in names) <= ("UNTIL" in names)


def test_hostile_keys_and_errors_stay_in_their_line(stalled: Store, invoices: Stall) -> None:
    hostile = replace(invoices, key=b"\x1b[2J", error="[/x]\x1b]0;x\x07", same_errors=1)

    assert all(char.isprintable() or char == "\n" for char in text(stalled, hostile))


def test_every_way_out_has_a_row_with_its_key(stalled: Store) -> None:
    for stall in stalled.stalls():
        assert [plain(row.cells[1]) for row in remedy_rows(stall)] == [
            remedy.effect for remedy in stall.remedies
        ]
