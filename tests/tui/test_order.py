"""Rows hold still: their order is taken once, and again only when a person sorts anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from store import Store
from tests.tui.conftest import Person
from tui.widgets.live_table import TableRow
from tui.widgets.order import FrozenOrder
from tui.widgets.spans import line

Run = Callable[..., None]


def rows(*ranks: tuple[int, str]) -> list[TableRow]:
    return [TableRow(name, (line(name),), rank=(state, name)) for state, name in ranks]


def keys(arranged: Sequence[TableRow]) -> list[str]:
    return [row.key for row in arranged]


def test_rows_are_sorted_by_class_and_name_at_first() -> None:
    order = FrozenOrder()
    assert keys(order.arrange(rows((1, "b"), (0, "c"), (1, "a")))) == ["c", "a", "b"]
    assert not order.is_stale


def test_a_row_whose_class_changes_stays_where_it_is() -> None:
    order = FrozenOrder()
    order.arrange(rows((0, "a"), (1, "b")))
    assert keys(order.arrange(rows((1, "a"), (0, "b")))) == ["a", "b"]
    assert order.is_stale


def test_a_new_row_goes_to_the_end_of_its_class() -> None:
    order = FrozenOrder()
    order.arrange(rows((0, "m"), (1, "z")))
    assert keys(order.arrange(rows((0, "m"), (1, "z"), (0, "a")))) == ["m", "a", "z"]


def test_a_row_that_was_away_comes_back_to_its_place() -> None:
    order = FrozenOrder()
    order.arrange(rows((0, "a"), (0, "b"), (0, "c")))
    order.arrange(rows((0, "a"), (0, "c")))
    assert keys(order.arrange(rows((0, "c"), (0, "b"), (0, "a")))) == ["a", "b", "c"]


def test_sorting_anew_takes_the_present_classes() -> None:
    order = FrozenOrder()
    order.arrange(rows((0, "a"), (1, "b")))
    order.sort_anew()
    assert keys(order.arrange(rows((1, "a"), (0, "b")))) == ["b", "a"]
    assert not order.is_stale


def test_rows_without_a_rank_stay_as_they_come() -> None:
    plain = [TableRow(name, (line(name),)) for name in "bca"]
    assert keys(FrozenOrder().arrange(plain)) == ["b", "c", "a"]


def test_the_overview_holds_still_until_s_sorts_it_anew(shop: Store, run: Run) -> None:
    def names(person: Person) -> list[str]:
        return [row.split("|")[1] for row in person.rows("subjects")]

    async def errand(person: Person) -> None:
        before = names(person)
        shop.receive("invoices", lease=3600, holder="bookkeeper")
        shop.clock.advance(60)  # type: ignore[attr-defined]
        await person.look()
        assert names(person) == before
        assert "s sort anew" in person.screen()
        await person.press("s")
        assert names(person)[0] == "invoices"
        assert " s sort anew \n" not in person.screen()

    run(shop, errand)


def test_a_column_can_be_sorted_by(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("greater_than_sign", "greater_than_sign")
        names = [row.split("|")[1] for row in person.rows("subjects")]
        assert names == sorted(names)
        assert person.toasts[-1] == "sorted anew by NAME"

    run(shop, errand)


def test_a_filtered_table_says_how_many_rows_there_are(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.burst("/emails\r")
        assert "2 of 4" in person.screen()

    run(shop, errand)
