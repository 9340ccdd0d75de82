"""An answer belongs to what was asked: it is shown there, and nowhere once that is gone."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from store import Store
from store.engine.broker import Broker
from tests.tui.conftest import Person
from tui.actions.deeds import prepare_purge
from tui.poller import Polled, PollResult
from tui.screens.dead_letter_editor import Editor
from tui.widgets.dialogs import Dialog, Form, FormField, ProposedAction
from tui.widgets.palette import Palette

Run = Callable[..., None]


def test_an_answer_to_another_view_is_dropped(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("3")
        asked = person.app.poller.inquiry
        assert asked is not None
        await person.press("enter")
        before = person.screen()
        sight = PollResult(shop.snapshot(), shop.queue_detail("emails"), 0.0)
        person.app.poller.post_message(Polled(sight, asked))
        await person.settle()
        assert person.screen() == before

    run(shop, errand)


def test_views_opened_and_left_at_once_end_nothing(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        for _ in range(20):
            await person.burst(":emails\r\x1b\r:emails\rX\x1b")
        await person.press("escape", "escape", "1")
        assert "ST " in person.screen()

    run(shop, errand)


def test_keys_act_in_the_order_in_which_they_were_typed(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.burst("?\x1b3?\x1b/invoices\r")
        assert [row.split("|")[1] for row in person.rows("queues")] == ["invoices"]

    run(shop, errand)


def test_two_enters_at_once_open_one_view(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("3")
        await person.burst("\r\r")
        await person.press("escape")
        assert person.rows("queues")

    run(shop, errand)


@pytest.mark.parametrize("leaves", ["escape", "2"])
def test_a_dialog_that_was_left_before_it_came_does_not_open(
    shop: Store, run: Run, leaves: str
) -> None:
    may_answer = Event()

    def slowly(store: Broker) -> ProposedAction:
        assert may_answer.wait(30)
        return prepare_purge("emails")(store)

    async def errand(person: Person) -> None:
        person.app.propose(slowly)
        await asyncio.sleep(0)
        await person.send(leaves)
        may_answer.set()
        await person.settle()
        assert len(person.app.screen_stack) == 1

    run(shop, errand)


def test_escape_gives_up_what_has_not_come_and_stays(shop: Store, run: Run) -> None:
    may_answer = Event()

    def prepare_late(store: Broker) -> ProposedAction:
        may_answer.wait(30)
        return prepare_purge("emails")(store)

    async def errand(person: Person) -> None:
        await person.press("3", "enter")
        person.app.propose(prepare_late)
        await asyncio.sleep(0)
        await person.send("escape")
        may_answer.set()
        await person.settle()
        assert person.rows("messages")

    run(shop, errand)


def test_a_dialog_takes_one_answer(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("P")
        await person.type("emails")
        await person.burst("\r\r\r")
        await person.press("escape", "escape")
        assert len(person.app.screen_stack) == 1

    run(shop, errand)


def test_a_partition_that_is_not_there_is_not_opened(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.burst(":orders/7\r")
        assert person.toasts == ["orders/7 does not exist\nmq topic show orders"]

    run(shop, errand)


def test_a_partition_that_goes_away_is_told(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.burst(":orders/1\r")
        shop.delete_topic("orders")
        shop.create_topic("orders")
        await person.look()
        assert person.toasts == ["orders/1 does not exist\nmq topic show orders"]

    run(shop, errand)


@pytest.mark.parametrize("length", [0, 4096])
def test_a_file_that_was_cut_off_is_told_and_ends_nothing(
    shop: Store, path: Path, run: Run, length: int
) -> None:
    async def errand(person: Person) -> None:
        await person.press("3")
        shop.vacuum()
        os.truncate(path, length)
        await person.look()
        vitals = person.screen().splitlines()[1]
        assert re.match(r" ■ can't look since \d\d:\d\d:\d\d: ", vitals)
        assert "emails" in person.screen()

    run(shop, errand)


def test_the_palette_leads_to_a_name_and_does_what_a_key_does(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("ctrl+p")
        await person.type("go invoices")
        await person.press("enter")
        assert person.app.view.title == "queues"
        await person.press("ctrl+p")
        await person.type("screen")
        await person.press("down", "up", "escape")
        await person.burst("\x10doctor\r")
        assert person.app.view.title == "advice"

    run(shop, errand)


@pytest.mark.parametrize(
    "dialog", [Form("publish", [FormField("key")]), Editor("emails@1", "text"), Palette([])]
)
def test_a_dialog_that_was_left_before_its_parts_were_mounted_ends_nothing(
    dialog: Dialog[Any],
) -> None:
    dialog.on_mount()

    assert list(dialog.query("*")) == []
