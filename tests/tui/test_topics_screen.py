"""Screen 2: a lane per partition with every group as a flag on it, and the readers of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings, strategies as st

from store import NewRecord, Store
from store.model.clock import ManualClock
from tests.tui.conftest import Person
from tui.widgets.lanes import GroupFlag, Lane, flag_line, lane_line, lane_scale, window_of
from tui.widgets.spans import Tone, plain

Run = Callable[..., None]
groups = st.lists(
    st.builds(
        GroupFlag, st.sampled_from(["billing", "reports", "search", "audit"]),
        st.integers(0, 3_000), st.booleans(),
    ),
    max_size=4,
    unique_by=lambda flag: flag.group,
)  # fmt: skip
lanes = st.builds(
    lambda start, length, flags: Lane(0, start, start + length, tuple(flags)),
    st.integers(0, 5_000), st.integers(0, 9_000), groups,
)  # fmt: skip
widths = st.integers(12, 160)


@settings(max_examples=150, deadline=None)
@given(lanes, widths)
def test_a_lane_shows_who_has_read_how_far(lane: Lane, width: int) -> None:
    window = window_of([lane])
    content = lane_line(lane, window, width)
    text = plain(content)
    assert len(text) == width
    assert text.endswith("┫")
    assert window >= max(20, lane.worst)
    unread = text.count("━") + text.count("┻") + text.count("■")
    if lane.end > lane.start and lane.worst and lane.end - lane.start >= window:
        assert abs(unread - (width - 2) * lane.worst / window) <= 2
    assert ("■" in text) == (lane.end > lane.start or bool(lane.flags)) * any(
        flag.is_stalled for flag in lane.flags
    )


@settings(max_examples=150, deadline=None)
@given(lanes, widths)
def test_the_flags_stand_over_their_places_and_never_over_each_other(
    lane: Lane, width: int
) -> None:
    window = window_of([lane])
    flags, drawn = plain(flag_line(lane, window, width)), plain(lane_line(lane, window, width))
    assert len(flags) <= width
    for at, char in enumerate(flags):
        if char in "┏┓":
            assert drawn[at] in "┻■"


@given(lanes, widths)
@settings(max_examples=50, deadline=None)
def test_the_scale_of_lanes_ends_at_the_end(lane: Lane, width: int) -> None:
    window = window_of([lane])
    text = plain(lane_scale(window, width))
    assert text.startswith(f"−{window:,}")
    assert text.endswith("end")


def test_groups_at_one_place_share_a_flag() -> None:
    lane = Lane(0, 0, 5_000, (GroupFlag("billing", 2), GroupFlag("search", 1)))
    assert plain(flag_line(lane, 1_500, 80)).strip() == "billing, search −2 ┓"
    assert plain(flag_line(lane, 1_500, 18)).strip() == "2 groups −2 ┓"
    assert plain(lane_line(lane, 1_500, 40, letters=True)).count("2") == 1


def test_what_waits_behind_a_stalled_group_is_red() -> None:
    lane = Lane(0, 0, 5_000, (GroupFlag("billing", 700, is_stalled=True),))
    tones = [piece.tone for piece in lane_line(lane, 1_500, 60) if set(piece.text) & {"━", "■"}]
    assert tones == [Tone.BAD, Tone.BEHIND]


@pytest.fixture
def lagging(store: Store, clock: ManualClock) -> Iterator[Store]:
    """A topic of four partitions, of which `billing` is stuck in the third."""
    store.create_topic("orders", partitions=4)
    store.create_topic("clicks")
    for partition in range(4):
        records = [NewRecord(f"v{n}", partition=partition) for n in range(100)]
        store.produce_many("orders", records)
    with store.consumer("billing", ["orders"], member="worker-7", session_timeout=3600) as billing:
        billing.poll(400, timeout=0)
        billing.commit({("orders", p): 40 if p == 2 else 100 for p in range(4)})
        for _ in range(6):
            billing.seek("orders", 2, 40)
            (record,) = billing.poll(1, timeout=0)
            billing.fail(record, "card_api 502")
        clock.advance(60)
        yield store


@pytest.mark.parametrize("size", [(80, 24), (140, 40), (200, 50)])
def test_every_partition_has_a_lane_and_the_worst_is_chosen(
    lagging: Store, run: Run, size: tuple[int, int]
) -> None:
    async def errand(person: Person) -> None:
        await person.press("2")
        text = person.screen()
        assert text.count("┫") == 4
        assert "orders/2  who reads this partition" in text
        assert "worker-7" in text or size[0] == 80

    run(lagging, errand, size)


def test_enter_on_a_stalled_lane_opens_its_card(lagging: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("2", "enter", "enter")
        assert "orders/2@40" in person.screen()
        assert "WHY" in person.screen()

    run(lagging, errand)


def test_z_leaves_the_partitions_that_are_not_well(lagging: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("2", "enter", "z")
        assert [row.split("|")[0] for row in person.rows("partitions")] == ["2"]
        assert "1 of 4" in person.screen()

    run(lagging, errand, (140, 40))


def test_a_thousand_partitions_scroll_on_one_scale(store: Store, run: Run) -> None:
    store.create_topic("wide", partitions=300)

    async def errand(person: Person) -> None:
        await person.press("2", "enter", "G")
        assert "wide/299  who reads this partition" in person.screen()

    run(store, errand, (140, 40))


def test_a_topic_without_a_group_says_so(store: Store, run: Run) -> None:
    store.create_topic("alone")
    store.produce("alone", "v")

    async def errand(person: Person) -> None:
        await person.press("2")
        assert "no group reads it" in person.screen()

    run(store, errand, (140, 40))
