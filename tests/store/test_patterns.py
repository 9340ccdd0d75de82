"""Patterns that a person typed: found or not, and never looked for longer than they may take."""

from __future__ import annotations

import threading
from time import monotonic

import pytest

from store import BadInput
from store.model import patterns
from store.model.patterns import Pattern, TooSlow

ENDLESS = "(a+)+$"
SHORT = "a" * 40 + "!"
LONG = "a" * 100_000 + "!"


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "PATIENCE", 0.5)


@pytest.mark.parametrize("text", ["xay", "a" * 100_000, "é" * 100_000 + "a"])
def test_a_pattern_is_found_wherever_it_stands(text: str) -> None:
    assert Pattern("a").is_in(text, "graves@1")
    assert not Pattern("b").is_in(text, "graves@1")


@pytest.mark.parametrize("text", [SHORT, LONG])
def test_one_that_takes_too_long_is_named_with_the_place(text: str) -> None:
    with pytest.raises(TooSlow, match=r"'\(a\+\)\+\$' takes longer than .* for graves@1"):
        Pattern(ENDLESS).is_in(text, "graves@1")


def test_one_that_goes_over_a_long_text_again_and_again_is_ended_too() -> None:
    with pytest.raises(TooSlow):
        Pattern("x*y").is_in("x" * 3_000_000, "orders/0@1")


def test_it_is_bound_in_any_thread() -> None:
    raised = []

    def search() -> None:
        with pytest.raises(TooSlow) as error:
            Pattern(ENDLESS).is_in(SHORT, "graves@1")
        raised.append(error)

    thread = threading.Thread(target=search)
    thread.start()
    thread.join()
    assert raised


def test_each_search_has_the_whole_time_however_many_went_before() -> None:
    Pattern("a").is_in(SHORT, "graves@1")
    for _ in range(3):
        began = monotonic()
        with pytest.raises(TooSlow):
            Pattern(ENDLESS).is_in(SHORT, "graves@1")
        assert monotonic() - began >= patterns.PATIENCE
        assert Pattern("a").is_in(SHORT, "graves@1")


@pytest.mark.parametrize("text", ["(", "a{99999999999}", "(" * 5_000 + ")" * 5_000])
def test_what_is_no_pattern_is_bad_input(text: str) -> None:
    with pytest.raises(BadInput, match="not a regular expression"):
        Pattern(text)


def test_a_plain_pattern_finds_a_name_without_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.fork")
    answers: list[bool] = []
    thread = threading.Thread(
        target=lambda: answers.append(Pattern(r"^mails\.[0-9]+$").is_in("mails.7", "queue mails.7"))
    )
    thread.start()
    thread.join()
    assert answers == [True]
