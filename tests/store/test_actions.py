"""Actions: each is a command of mq, and what `perform` does is what the command does."""

from __future__ import annotations

import ast
import pickle
import re
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest

from store import BadInput, NewMessage, NewRecord, NotFound, Store
from store.api import performing
from store.model import actions, call_texts, looks, shell_texts
from store.model.actions import Blank, WayOut, alter, create
from store.model.addresses import Address, Kind
from store.model.clock import ManualClock
from store.model.errors import Hint
from store.model.shell_texts import as_command

ROOT = Path(__file__).parents[2]


def kinds_of(base: type[WayOut]) -> set[type[WayOut]]:
    """The classes of steps below a base, without the bases themselves."""
    bases = {WayOut, actions.Action, actions.Look}
    known = {
        kind
        for module in (actions, looks)
        for kind in vars(module).values()
        if isinstance(kind, type)
    }
    return {kind for kind in known if issubclass(kind, base)} - bases


def test_every_step_is_a_command() -> None:
    assert kinds_of(WayOut) == shell_texts._WORDS.keys()


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
        (looks.Work("orders", "billing"), "mq work orders -g billing -- COMMAND"),
    ],
)
def test_a_step_is_written_as_a_shell_takes_it(step: WayOut, command: str) -> None:
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


@pytest.fixture
def letters(store: Store) -> Store:
    store.create_queue("letters", fifo=True)
    return store


def test_a_hint_speaks_to_a_caller_in_its_own_words(letters: Store) -> None:
    with pytest.raises(BadInput, match="needs a message group") as caught:
        letters.send("letters", "v")

    assert caught.value.hint == "give one with message_group"
    assert caught.value.shell_hint == "give one with --message-group"


def test_a_parameter_with_a_value_is_written_for_each_caller() -> None:
    hint = Hint("{dlq QUEUE}, {overflow reject}, {max_deliveries none} or {drop_exhausted}")

    assert hint == "dlq=QUEUE, overflow='reject', max_deliveries=None or drop_exhausted"
    assert hint.shell == "--dlq QUEUE, --overflow reject, --max-deliveries none or --drop-exhausted"
    assert hint.file == "dlq QUEUE, overflow reject, max_deliveries none or drop_exhausted"


def test_the_way_out_of_an_error_can_be_performed(store: Store) -> None:
    with pytest.raises(NotFound) as caught:
        store.queue("mails")
    assert caught.value.hint == "store.create_queue('mails')"
    assert caught.value.fix is not None
    store.perform(caught.value.fix)
    assert store.queue("mails").messages == 0


def test_an_error_whose_way_out_is_to_be_chosen_has_no_fix(store: Store) -> None:
    store.create_topic("orders", max_message=100)

    with pytest.raises(BadInput, match="takes at most 100") as caught:
        store.produce("orders", "v" * 101)

    assert caught.value.shell_hint == "mq topic alter orders --max-message SIZE"
    assert caught.value.hint == "store.alter_topic('orders', max_message=SIZE)"
    assert caught.value.fix is None


def test_a_hint_stays_what_it_is_in_another_process_and_another_error() -> None:
    hint = Hint("{} or {fifo}", create("queue", "mails"))
    error = pickle.loads(pickle.dumps(NotFound("gone", hint)))
    again = BadInput("line 2: gone", error.hint)

    assert again.shell_hint == "mq queue create mails or --fifo"
    assert again.fix == create("queue", "mails")
    assert UNDO.after(hint).shell == "mq queue create mails or --fifo; undo with: mq dlq undo 7"
    assert UNDO.after("wait").shell == "wait; undo with: mq dlq undo 7"


UNDO = Hint("undo with: {}", actions.UndoRedrive(7))


def test_every_step_has_its_words_in_python() -> None:
    assert kinds_of(actions.Look) <= call_texts._PYTHON.keys() | {
        looks.Work,
        looks.ShowMembers,
        looks.ShowLag,
    }


@pytest.mark.parametrize(
    ("step", "call"),
    [
        (alter("queue", "mails", lease=timedelta(minutes=5)), "alter_queue('mails', lease=300)"),
        (actions.ReleaseLease(Address("mails", offset=3)), "release('mails', 3)"),
        (
            actions.ResetGroup("billing", "orders", 2, "latest"),
            "reset_group('billing', parse_position('latest', store.wall()), [('orders', 2)])",
        ),
        (actions.TrustClock(), "perform(TrustClock())"),
    ],
)
def test_a_step_is_written_as_a_call(step: WayOut, call: str) -> None:
    assert call_texts.as_call(step) == f"store.{call}"


def test_no_engine_writes_a_command_or_an_option_into_a_hint() -> None:
    written = re.compile(r"(?<![\w-])--[a-z]|\bmq (?!that)[a-z]")
    hints = [
        ast.unparse(keyword.value)
        for path in (ROOT / "store").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "hint"
    ]

    assert len(hints) > 100
    assert [hint for hint in hints if written.search(hint)] == []


SAMPLES = [
    actions.SkipRecord("r", Address("t", 0, 1)),
    actions.SkipRecord("r", Address("t", 0, 1), "q", "share"),
    actions.ReleaseLease(Address("t", 0, 1), "r"),
    actions.PurgeMessage("q", 1),
    actions.Trim("t", 1, "latest"),
    actions.SetMaxBytes(Blank("SIZE")),
    actions.SetReadOnly(False),
    actions.Salvage("old.db"),
    looks.Verify("old.db"),
    looks.Peek("t/0", start="last"),
    looks.Peek("t/0", start="5"),
    looks.Peek("q"),
    looks.Consume("t/0", start=1),
    looks.Consume("t", "g"),
    looks.ShowLeases("q"),
    looks.ShowDeadLetters("q"),
    looks.ExplainRoute("e", "k"),
    looks.HowToReset(force=True),
    *(looks.Show(kind, "x") for kind in get_args(Kind)),
    *(create(kind, "x", dlq="y") for kind in get_args(Kind)),
    *(alter(kind, "x", dlq=Blank("Y")) for kind in get_args(Kind)),
    *(actions.Delete(kind, "x") for kind in get_args(Kind)),
]


@pytest.mark.parametrize("step", SAMPLES, ids=as_command)
def test_a_call_is_python_and_of_the_store(step: WayOut) -> None:
    (statement,) = ast.parse(call_texts.as_call(step)).body

    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Call)
    assert isinstance(statement.value.func, ast.Attribute)
    assert callable(getattr(Store, statement.value.func.attr))
