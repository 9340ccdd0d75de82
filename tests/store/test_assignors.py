"""Assignors as pure functions: every partition once, in balance, and no needless move."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from store.model.groups import GroupConfig, TopicPartition
from store.model.settings import settings_of
from store.sqlite.groups.assignors import Assignment, Subscriber, assign

ANY = pytest.mark.parametrize("assignor", settings_of(GroupConfig)["assignor"].notation.words)
TOPICS = st.dictionaries(st.sampled_from("abc"), st.integers(1, 7), min_size=1)
NAMES = st.lists(st.sampled_from("rstuvwxyz"), min_size=1, max_size=6, unique=True)


def members(*names: str, topics: str = "t") -> list[Subscriber]:
    return [Subscriber(name, frozenset(topics.split())) for name in names]


def places(count: int, topic: str = "t") -> list[TopicPartition]:
    return [(topic, number) for number in range(count)]


def owning(assignment: Assignment, names: list[str], topics: str = "t") -> list[Subscriber]:
    """The next generation: members that own what they were given."""
    return [
        Subscriber(name, frozenset(topics.split()), owned=tuple(assignment.get(name, ())))
        for name in names
    ]


def moved(before: Assignment, after: Assignment) -> set[TopicPartition]:
    """Partitions that were taken from a member that is still there."""
    kept = {place for name in after for place in set(before.get(name, ())) & set(after[name])}
    return {place for name in after for place in before.get(name, ())} - kept


@ANY
def test_members_beyond_the_number_of_partitions_get_nothing(assignor: str) -> None:
    assignment = assign(assignor, members("a", "b", "c"), {"t": 1})

    assert assignment == {"a": [("t", 0)], "b": [], "c": []}


@ANY
def test_without_members_nobody_gets_anything(assignor: str) -> None:
    assert assign(assignor, [], {}) == {}


@ANY
def test_a_topic_that_is_not_there_gives_nothing(assignor: str) -> None:
    assert assign(assignor, members("a", topics="gone"), {}) == {"a": []}


@ANY
def test_a_topic_that_nobody_reads_is_left_alone(assignor: str) -> None:
    assert assign(assignor, members("a"), {"t": 1, "other": 3}) == {"a": [("t", 0)]}


@ANY
def test_static_members_come_first(assignor: str) -> None:
    both = [Subscriber("a", frozenset("t")), Subscriber("b", frozenset("t"), static=True)]

    assert assign(assignor, both, {"t": 1})["b"] == [("t", 0)]


@ANY
@given(data=st.data())
def test_every_partition_goes_to_exactly_one_subscriber(assignor: str, data: Any) -> None:
    topics = data.draw(TOPICS)
    some = st.frozensets(st.sampled_from(sorted(topics)))
    subscribers = [Subscriber(name, data.draw(some)) for name in data.draw(NAMES)]
    assignment = assign(assignor, subscribers, topics)

    given_out = sorted(place for owned in assignment.values() for place in owned)
    read = {topic for one in subscribers for topic in one.topics}
    assert given_out == sorted(p for topic in read for p in places(topics[topic], topic))
    assert all(topic in one.topics for one in subscribers for topic, _ in assignment[one.name])


@pytest.mark.parametrize("assignor", ["roundrobin", "cooperative-sticky"])
@given(topics=TOPICS, names=NAMES)
def test_counts_differ_by_at_most_one(
    assignor: str, topics: dict[str, int], names: list[str]
) -> None:
    assignment = assign(assignor, members(*names, topics=" ".join(topics)), topics)

    counts = [len(owned) for owned in assignment.values()]
    assert max(counts) - min(counts) <= 1


@given(count=st.integers(1, 20), names=NAMES)
def test_a_range_is_consecutive_and_the_first_ones_get_more(count: int, names: list[str]) -> None:
    assignment = assign("range", members(*names), {"t": count})

    assert [place for name in sorted(names) for place in assignment[name]] == places(count)
    counts = [len(assignment[name]) for name in sorted(names)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] - counts[-1] <= 1


@given(count=st.integers(1, 20), before=NAMES, after=NAMES)
def test_sticky_stays_in_balance_and_moves_no_more_than_it_must(
    count: int, before: list[str], after: list[str]
) -> None:
    old = assign("cooperative-sticky", members(*before), {"t": count})
    new = assign("cooperative-sticky", owning(old, after), {"t": count})

    counts = [len(owned) for owned in new.values()]
    assert max(counts) - min(counts) <= 1
    assert len(moved(old, new)) == fewest_moves(old, after, count)


def fewest_moves(old: Assignment, after: list[str], count: int) -> int:
    """What those who stay have above their share; the largest shares go to who owns most."""
    least, more = divmod(count, len(after))
    owned = sorted((len(old.get(name, ())) for name in after), reverse=True)
    shares = [least + (index < more) for index in range(len(after))]
    return sum(max(0, have - share) for have, share in zip(owned, shares, strict=True))


@given(topics=TOPICS, names=NAMES)
def test_sticky_moves_nothing_when_nothing_changed(
    topics: dict[str, int], names: list[str]
) -> None:
    words = " ".join(topics)
    old = assign("cooperative-sticky", members(*names, topics=words), topics)
    new = assign("cooperative-sticky", owning(old, names, words), topics)

    assert moved(old, new) == set()


def test_sticky_hands_out_in_order_what_several_members_give_up() -> None:
    owned: Assignment = {
        "a": [("t", 0), ("t", 2), ("u", 1), ("u", 3)],
        "b": [("t", 1), ("u", 0), ("u", 2)],
    }
    assignment = assign(
        "cooperative-sticky", owning(owned, ["a", "b", "c", "d"], "t u"), {"t": 3, "u": 4}
    )

    assert assignment == {
        "a": [("t", 0), ("t", 2)],
        "b": [("t", 1), ("u", 0)],
        "c": [("u", 1), ("u", 3)],
        "d": [("u", 2)],
    }


def test_sticky_gives_up_what_is_not_subscribed_to_any_more() -> None:
    owner = Subscriber("a", frozenset("t"), owned=(("t", 0), ("left", 0)))

    assert assign("cooperative-sticky", [owner], {"t": 1}) == {"a": [("t", 0)]}


def test_sticky_fills_a_new_member_from_the_one_that_has_most() -> None:
    old: Assignment = {"a": places(4), "b": places(2, "u")}
    both = [Subscriber(name, frozenset("tu"), owned=tuple(old[name])) for name in old]
    new = assign("cooperative-sticky", [*both, Subscriber("c", frozenset("tu"))], {"t": 4, "u": 2})

    assert new["b"] == old["b"]
    assert len(new["a"]) == len(new["c"]) == 2
