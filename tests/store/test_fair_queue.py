"""Fair queues: a noisy tenant does not starve the quiet ones, and nothing is lost."""

from __future__ import annotations

import pytest

from store import Message, NewMessage, Store
from store.model.clock import ManualClock


@pytest.fixture
def fair(store: Store) -> Store:
    """A fair queue."""
    store.create_queue("q", fair=True, lease=600)
    return store


def send(store: Store, group: str | None, *numbers: int) -> None:
    store.send_many("q", [NewMessage(f"{group}{n}", message_group=group) for n in numbers])


def receive(store: Store, most: int = 1) -> list[str]:
    return [(message.value or b"").decode() for message in store.receive("q", most)]


def noisy(store: Store, waiting: int = 1000) -> None:
    """Forty messages of A are in flight, and others wait."""
    send(store, "A", *range(waiting + 40))
    assert len(store.receive("q", 40)) == 40


def test_the_quiet_tenant_goes_before_the_rest_of_the_noisy_one(fair: Store) -> None:
    noisy(fair)
    send(fair, "B", 1)

    assert receive(fair, 2) == ["B1", "A40"]


def test_when_only_the_noisy_one_waits_it_is_served(fair: Store) -> None:
    noisy(fair)

    assert receive(fair, 2) == ["A40", "A41"]


def test_among_quiet_tenants_the_oldest_message_goes_first(fair: Store) -> None:
    for number, group in enumerate("ABAC"):
        send(fair, group, number)

    assert receive(fair, 4) == ["A0", "B1", "A2", "C3"]


def test_a_message_without_a_group_is_its_own_tenant(fair: Store) -> None:
    send(fair, None, *range(50))
    assert len(receive(fair, 40)) == 40
    send(fair, "B", 1)

    assert receive(fair, 11)[:2] == ["None40", "None41"]


def test_a_tenant_in_which_few_are_in_flight_is_not_noisy(fair: Store) -> None:
    send(fair, "A", *range(40))
    receive(fair, 29)
    send(fair, "B", 1)

    assert receive(fair) == ["A29"]


def test_a_tenant_with_less_than_a_tenth_in_flight_is_not_noisy(fair: Store) -> None:
    send(fair, "A", *range(41))
    receive(fair, 30)
    for n in range(300):
        send(fair, f"t{n}", 0)
    receive(fair, 280)
    send(fair, "B", 1)

    assert receive(fair) == ["A31"]


def test_it_is_quiet_again_when_its_work_is_done(fair: Store) -> None:
    send(fair, "A", *range(45))
    taken = fair.receive("q", 40)
    fair.ack([message.receipt or "" for message in taken])
    send(fair, "B", 1)

    assert receive(fair) == ["A40"]


def test_it_is_quiet_again_when_its_work_is_given_back(fair: Store) -> None:
    send(fair, "A", *range(45))
    taken = fair.receive("q", 40)
    fair.nack([message.receipt or "" for message in taken])
    send(fair, "B", 1)

    assert receive(fair) == ["A0"]


def test_it_is_quiet_again_five_minutes_after_its_last_message(
    fair: Store, clock: ManualClock
) -> None:
    noisy(fair)
    clock.advance(300)
    send(fair, "B", 1)

    assert receive(fair) == ["A40"]


def test_of_two_noisy_tenants_the_one_with_fewer_in_flight_goes_first(fair: Store) -> None:
    send(fair, "A", *range(100))
    receive(fair, 60)
    send(fair, "B", *range(100))
    receive(fair, 40)

    assert receive(fair, 2) == ["B40", "B41"]


def test_what_lapsed_of_a_noisy_tenant_waits_for_the_quiet(fair: Store, clock: ManualClock) -> None:
    noisy(fair)
    clock.advance(600)
    send(fair, "A", 2000)
    send(fair, "B", 1)

    assert receive(fair, 2) == ["B1", "A0"]


def test_delayed_messages_come_when_their_time_has_come(fair: Store, clock: ManualClock) -> None:
    fair.send("q", "late", message_group="A", delay=5)
    send(fair, "A", 1)
    assert receive(fair, 5) == ["A1"]
    clock.advance(5)
    assert receive(fair, 5) == ["late"]


def test_nothing_is_lost_or_doubled_among_many_tenants(fair: Store) -> None:
    for n in range(300):
        send(fair, f"t{n % 17}", n)
    found: list[Message] = []
    while taken := fair.receive("q", 7):
        found += taken
        fair.ack([message.receipt or "" for message in taken])

    assert len({message.id for message in found}) == len(found) == 300
    with fair.transaction() as tx:
        assert tx.execute("select count(*) from mq_tenants") == [(0,)]


def test_a_purge_forgets_the_tenants(fair: Store) -> None:
    noisy(fair, 10)
    fair.purge_queue("q")
    send(fair, "A", 0)

    assert receive(fair, 5) == ["A0"]


def test_its_length_can_be_limited(store: Store) -> None:
    store.create_queue("q", fair=True, max_length=2)
    for number, group in enumerate("ABAC"):
        send(store, group, number)

    assert receive(store, 5) == ["A2", "C3"]


def test_a_lease_of_nothing_gives_each_message_once(fair: Store) -> None:
    send(fair, "A", 0, 1)

    taken = fair.receive("q", 5, lease=0)
    assert [message.value for message in taken] == [b"A0", b"A1"]
