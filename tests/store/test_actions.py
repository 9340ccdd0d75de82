"""Actions: each is a command of mq, and what `perform` does is what the command does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from store import BadInput, NewMessage, NewRecord, Store
from store.api import performing
from store.model import action_texts, actions
from store.model.action_texts import as_command
from store.model.actions import Blank, Step, alter, create
from store.model.addresses import Address
from store.model.clock import ManualClock


def kinds_of(base: type[Step]) -> set[type[Step]]:
    """The classes of steps below a base, without the bases themselves."""
    bases = {Step, actions.Action, actions.Look}
    known = {kind for kind in vars(actions).values() if isinstance(kind, type)}
    return {kind for kind in known if issubclass(kind, base)} - bases


def test_every_step_is_a_command() -> None:
    assert kinds_of(Step) == action_texts._WORDS.keys()


def test_every_action_can_be_performed_and_no_look_can() -> None:
    assert kinds_of(actions.Action) == performing._calls().keys()


@pytest.mark.parametrize(
    ("step", "command"),
    [
        (alter("queue", "mails", chaos=None), "mq queue alter mails --chaos none"),
        (
            alter("topic", "orders", retention=timedelta(days=14)),
            "mq topic alter orders --retention 14d",
        ),
        (alter("topic", "orders", partitions=2), "mq topic alter orders --partitions 2 --yes"),
        (
            alter("queue", "mails", max_message=Blank("SIZE")),
            "mq queue alter mails --max-message SIZE",
        ),
        (create("share", "packers", topic="orders"), "mq share create packers orders"),
        (create("exchange", "main", type="fanout"), "mq exchange create main -t fanout"),
        (actions.Bind("main", "all", "#"), "mq bind main all -k '#'"),
        (actions.Salvage("my shop.db", "new.db"), "mq salvage 'my shop.db' new.db"),
        (actions.Send("mails", "-n"), "mq produce mails -- -n"),
        (actions.Work("orders", "billing"), "mq work orders -g billing -- COMMAND"),
    ],
)
def test_a_step_is_written_as_a_shell_takes_it(step: Step, command: str) -> None:
    assert as_command(step) == command


def test_settings_and_queues_are_made_as_named(store: Store) -> None:
    store.perform(create("queue", "dead", fifo=True))
    store.perform(create("queue", "mails", fifo=True))
    store.perform(alter("queue", "mails", max_deliveries=3, dlq="dead", lease=timedelta(hours=1)))

    config = store.queue_config("mails")
    assert (config.max_deliveries, config.dlq, config.lease) == (3, "dead", 3_600_000)


def test_a_blank_is_filled_in_first(store: Store) -> None:
    store.create_queue("mails")

    with pytest.raises(BadInput, match="max_message is still to be chosen"):
        store.perform(alter("queue", "mails", max_message=Blank("SIZE")))


def test_a_message_is_sent_and_its_queue_purged(store: Store) -> None:
    store.create_queue("mails", fifo=True)

    assert str(store.perform(actions.Send("mails", "v", message_group="g"))) == "mails@0"
    assert store.perform(actions.PurgeQueue("mails")) == 1


def test_performing_the_first_way_out_ends_the_stall(store: Store, clock: ManualClock) -> None:
    store.create_topic("orders")
    store.produce_many("orders", [NewRecord(b"v") for _ in range(3)])
    store.create_group("billing", topics=["orders"])
    store.create_queue("mails", fifo=True)
    store.send_many("mails", [NewMessage(b"v", message_group="g") for _ in range(2)])
    store.receive("mails", lease=7200)
    clock.advance(3600)

    by_reader = {stall.reader: stall.remedies for stall in store.stalls()}
    reset = by_reader["billing"][1].action
    release = by_reader["mails"][0].action
    assert isinstance(reset, actions.ResetGroup)
    assert release == actions.ReleaseLease(Address("mails", offset=0))
    assert [change.change for change in store.perform(reset)] == [3]
    store.perform(release)
    assert store.stalls() == []
