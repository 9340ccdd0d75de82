"""The assignment of partitions to members: pure functions from members and partitions."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from store.model.groups import TopicPartition

Assignment = dict[str, list[TopicPartition]]


class Subscriber(NamedTuple):
    """A member with the topics it subscribes to and the partitions it owns now."""

    name: str
    topics: frozenset[str]
    static: bool = False
    owned: tuple[TopicPartition, ...] = ()


def assign(
    assignor: str, subscribers: Sequence[Subscriber], partitions: Mapping[str, int]
) -> Assignment:
    """Return the target assignment by the named assignor; `partitions` counts them by topic.

    Static members come first (KIP-345). Members that get nothing have an empty list.
    """
    ordered = sorted(subscribers, key=lambda one: (not one.static, one.name))
    return _ASSIGNORS[assignor](ordered, partitions)


def _range(subscribers: Sequence[Subscriber], partitions: Mapping[str, int]) -> Assignment:
    # Kafka's RangeAssignor: consecutive partitions per topic, the first members get one more.
    assignment: Assignment = {one.name: [] for one in subscribers}
    for topic in sorted(partitions):
        members = [one.name for one in subscribers if topic in one.topics]
        first = 0
        for index, member in enumerate(members):
            more = index < partitions[topic] % len(members)
            end = first + partitions[topic] // len(members) + more
            assignment[member] += [(topic, number) for number in range(first, end)]
            first = end
    return assignment


def _roundrobin(subscribers: Sequence[Subscriber], partitions: Mapping[str, int]) -> Assignment:
    # Kafka's RoundRobinAssignor: deal in a circle, passing over members that did not subscribe.
    assignment: Assignment = {one.name: [] for one in subscribers}
    turn = 0
    for place in _places(partitions):
        if not any(place[0] in one.topics for one in subscribers):
            continue
        while place[0] not in subscribers[turn % len(subscribers)].topics:
            turn += 1
        assignment[subscribers[turn % len(subscribers)].name].append(place)
        turn += 1
    return assignment


def _sticky(subscribers: Sequence[Subscriber], partitions: Mapping[str, int]) -> Assignment:
    """Assign balanced first, then with as few moves as possible (KIP-54; cooperative hand-over:
    KIP-429).
    """
    places = _places(partitions)
    rank = {one.name: index for index, one in enumerate(subscribers)}
    assignment = _kept(subscribers, places)
    if len({one.topics for one in subscribers}) == 1:
        readable = sum(topic in subscribers[0].topics for topic, _ in places)
        _give_up(assignment, subscribers, readable)
    taken = {place for owned in assignment.values() for place in owned}
    eligible = {
        topic: [one.name for one in subscribers if topic in one.topics] for topic in partitions
    }
    # Partitions that few members may read are placed first, while those members have room.
    for place in sorted(places, key=lambda place: (len(eligible[place[0]]), place)):
        if place not in taken and eligible[place[0]]:
            least = min(eligible[place[0]], key=lambda name: (len(assignment[name]), rank[name]))
            assignment[least].append(place)
    while _move_one(assignment, eligible, rank):
        pass
    return assignment


def _kept(subscribers: Sequence[Subscriber], places: Sequence[TopicPartition]) -> Assignment:
    present = set(places)
    return {
        one.name: sorted(p for p in one.owned if p in present and p[0] in one.topics)
        for one in subscribers
    }


def _give_up(assignment: Assignment, subscribers: Sequence[Subscriber], readable: int) -> None:
    """Limit members that may all read the same partitions to their share of these."""
    least, more = divmod(readable, len(subscribers))
    for one in reversed(subscribers):
        owned = assignment[one.name]
        has_more = more > 0 and len(owned) > least
        more -= has_more
        del owned[least + has_more :]


def _move_one(
    assignment: Assignment, eligible: Mapping[str, list[str]], rank: Mapping[str, int]
) -> bool:
    """Move one partition from a member with two more than another that may read it."""
    for giver in sorted(assignment, key=lambda name: (-len(assignment[name]), rank[name])):
        for place in reversed(assignment[giver]):
            taker = min(eligible[place[0]], key=lambda name: (len(assignment[name]), rank[name]))
            if len(assignment[taker]) + 1 < len(assignment[giver]):
                assignment[giver].remove(place)
                assignment[taker].append(place)
                return True
    return False


def _places(partitions: Mapping[str, int]) -> list[TopicPartition]:
    return [(topic, number) for topic in sorted(partitions) for number in range(partitions[topic])]


_ASSIGNORS: dict[str, Callable[[Sequence[Subscriber], Mapping[str, int]], Assignment]] = {
    "range": _range,
    "roundrobin": _roundrobin,
    "cooperative-sticky": _sticky,
}
