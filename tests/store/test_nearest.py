"""The known names nearest to a mistyped one."""

import pytest

from store.model.nearest import did_you_mean, nearest


@pytest.mark.parametrize("slip", ["order", "ordrs", "odrers", "ordersx", "Orders", "ORDERS"])
def test_a_slip_finds_the_name_that_was_meant(slip: str) -> None:
    assert nearest(slip, ["emails", "orders", "payments"]) == ["orders"]


def test_names_that_are_alike_come_nearest_first() -> None:
    assert nearest("creat", ["delete", "crate", "create"], 2) == ["create", "crate"]


def test_a_word_like_none_of_them_finds_nothing() -> None:
    assert nearest("zzz", ["emails", "orders"]) == []


@pytest.mark.parametrize("slip", ["team.servce-04086.in", "tem.service-04086.in", "04086.in"])
def test_among_a_hundred_thousand_names_few_are_compared_letter_by_letter(slip: str) -> None:
    names = [f"team.service-{number:05}.in" for number in range(100_000)]

    assert nearest(slip, names) == (["team.service-04086.in"] if len(slip) > 8 else [])


def test_the_hint_is_the_nearest_name_or_else_what_there_is() -> None:
    known = ["durability", "max_bytes"]

    assert did_you_mean("durabilty", known, "none") == "did you mean durability?"
    assert did_you_mean("zzz", known, "none") == "none"
