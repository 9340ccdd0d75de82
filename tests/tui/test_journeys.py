"""Errands of people at the dashboard, from the first key to what has changed in the store."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from store import Store
from store.model.addresses import Address
from store.model.clock import ManualClock
from tests.tui.conftest import Person
from tui.actions.deeds import prepare_publish

Run = Callable[..., None]


def test_a_stuck_group_is_seen_understood_and_sent_on_its_way(stalled: Store, run: Run) -> None:
    stalled.create_queue("orders.dlq")

    async def errand(person: Person) -> None:
        assert "■ STALLED  1m00s" in person.screen()
        await person.press("n", "enter")
        assert "BLOCKER  orders/0@0  key cust-88" in person.screen()
        await person.press("d")
        assert "mq group skip billing orders/0@0 --to-dlq orders.dlq" in person.screen()
        await person.press("enter")
        assert person.toasts == ["orders/0@0 is in orders.dlq; billing goes on behind it"]

    run(stalled, errand)
    assert [letter.dead.source for letter in stalled.dead_letters("orders.dlq") if letter.dead] == [
        "orders/0@0"
    ]
    assert next(lag.committed for lag in stalled.lag("billing") if lag.partition == 0) == 1


def test_saying_no_changes_nothing(stalled: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("n", "enter", "k", "escape")
        assert "mq group skip" not in person.screen().splitlines()[-1]

    run(stalled, errand)
    assert all(lag.committed in {0, None} for lag in stalled.lag("billing"))


def test_a_policy_creates_the_queue_it_needs(stalled: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("n", "enter", "o")
        assert "mq queue create orders.dlq" in person.screen()
        assert "mq group alter billing --max-deliveries 5 --dlq orders.dlq" in person.screen()
        await person.press("enter")

    run(stalled, errand)
    config = stalled.group("billing").config
    assert (config.max_deliveries, config.dlq) == (5, "orders.dlq")


def test_the_head_of_a_message_group_is_taken_from_its_holder(stalled: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("n", "n", "enter")
        assert "3 messages of acct-1 wait behind it" in person.screen()
        await person.press("r", "enter")

    run(stalled, errand)
    assert stalled.message("invoices", 0).state == "ready"


def test_a_record_of_a_share_is_taken_from_its_holder(shop: Store, run: Run) -> None:
    shop.create_share("billing", "orders")
    shop.acquire("billing", 1, lease=3600, holder="bookkeeper")

    async def errand(person: Person) -> None:
        await person.press("colon")
        await person.type("billing")
        await person.press("enter", "tab")
        assert "bookkeeper" in person.rows("leases")[0]
        await person.press("r", "enter")
        assert person.toasts == ["orders/0@0 is ready"]

    run(shop, errand)
    assert shop.leases("billing") == []


def test_a_share_has_no_messages_to_open_or_purge(shop: Store, run: Run) -> None:
    shop.create_share("billing", "orders")

    async def errand(person: Person) -> None:
        await person.press("colon")
        await person.type("billing")
        await person.press("enter", "enter", "x")
        assert person.toasts == [
            "a share keeps nothing itself: mq share show billing",
            "only a queue is purged; a share goes on: mq share reset",
        ]

    run(shop, errand)


def test_a_queue_is_purged_only_after_its_name_is_typed(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("3", "slash")
        await person.type("invoices")
        await person.press("enter", "x")
        await person.type("emails")
        await person.press("enter")
        assert "that is not the name" in person.screen()
        assert shop.queue("invoices").ready == 4
        await person.press(*["backspace"] * 6)
        await person.type("invoices")
        await person.press("enter")

    run(shop, errand)
    status = shop.queue("invoices")
    assert status.ready + status.blocked == 0


def test_a_message_is_published_after_a_preview(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("colon")
        await person.type("emails")
        await person.press("enter", "P", "tab")
        await person.type("hello there")
        await person.press("enter")
        assert "mq produce emails 'hello there'" in person.screen()
        await person.press("enter")

    run(shop, errand)
    assert shop.messages("emails")[-1].value == b"hello there"


def test_a_burst_of_keys_after_a_colon_goes_into_the_prompt(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.burst(":emails@0\r")
        assert "emails@0" in person.screen().splitlines()[2]
        assert person.toasts == []

    run(shop, errand)


def test_a_burst_of_keys_after_a_slash_filters(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("3")
        await person.burst("/invoices\r")
        assert [row.split("|")[1] for row in person.rows("queues")] == ["invoices"]

    run(shop, errand)


def test_a_view_that_opens_late_leaves_the_keys_to_the_prompt(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("slash")
        person.app.jump("emails")
        await person.settle()
        await person.type("dlq")
        assert [row.split("|")[1] for row in person.rows("queues")] == ["emails.dlq"]

    run(shop, errand)


def test_a_colon_in_a_filter_is_text(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("slash", "colon", "w")
        assert person.app.filter_text == ":w"

    run(shop, errand)


def test_offsets_are_reset_after_a_preview(stalled: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("2", "enter", "R")
        await person.type("latest")
        await person.press("enter")
        assert "30 skipped" in person.screen()
        assert "mq group reset billing --topic orders/0 --to latest --force" in person.screen()
        await person.press("enter")

    run(stalled, errand)
    assert next(lag.lag for lag in stalled.lag("billing") if lag.partition == 0) == 0


def test_read_only_greys_what_writes_and_says_why(stalled: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("n", "enter", "d", "P")
        assert [toast for toast in person.toasts if "--read-only" in toast] != []
        assert "read-only" in person.screen().splitlines()[1]

    run(stalled, errand, read_only=True)


def test_the_strip_is_gone_when_nothing_is_stuck(
    stalled: Store, run: Run, clock: ManualClock
) -> None:
    async def errand(person: Person) -> None:
        assert "+" not in person.screen().splitlines()[2]
        await person.press("n", "enter")
        stalled.skip("billing", _address("orders/0@0"))
        stalled.release("invoices", 0)
        await person.look()
        assert "■ STALLED" not in person.screen()
        assert "orders/0@0 blocks nothing any more" in person.screen()

    run(stalled, errand)


def test_a_pause_stands_still_until_it_ends(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("full_stop")
        assert "○ PAUSED" in person.screen()
        shop.create_queue("later")
        person.app.poller.tick()
        await person.settle()
        assert "later" not in person.screen()
        await person.press("full_stop")
        assert "later" in person.screen()

    run(shop, errand)


def test_a_store_is_not_looked_at_sooner_than_its_pace_allows(
    shop: Store, run: Run, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "pace", 5.0)

    async def tick(person: Person, seconds: float) -> bool:
        clock.advance(seconds)
        person.app.poller.tick()
        await person.settle()
        return "later" in person.screen()

    async def errand(person: Person) -> None:
        await person.press("3")
        shop.create_queue("later")
        assert [await tick(person, 4.9), await tick(person, 0.1)] == [False, True]
        assert person.app.poller.interval == 5

    run(shop, errand)


def test_the_copied_command_shows_what_is_selected(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("colon")
        await person.type("emails@0")
        await person.press("enter", "y")
        assert person.app.clipboard == "mq peek emails@0 -n 1"

    run(shop, errand)


@pytest.mark.parametrize("theme", ["mq-dark", "mq-light", "mq-ansi"])
def test_hostile_text_stays_in_its_cell_on_every_screen(
    stalled: Store, run: Run, theme: str
) -> None:
    async def errand(person: Person) -> None:
        person.app.theme = theme
        await person.press("2", "enter", "p")
        seen = person.screen()
        await person.press("enter")
        seen += person.screen()
        await person.press("1", "colon")
        await person.type("emails@0")
        await person.press("enter")
        seen += person.screen()
        assert r"[/x] [bold]\x1b[31m\x9b2J\u202eevil\x07" in seen
        assert all(char.isprintable() or char == "\n" for char in seen)

    run(stalled, errand)


def _address(text: str) -> Address:
    from store.model.addresses import parse_address

    return parse_address(text)


def test_a_filter_that_leaves_nothing_says_so_and_stands_in_the_vitals(
    shop: Store, run: Run
) -> None:
    async def errand(person: Person) -> None:
        await person.burst("/nowhere\r")
        assert "no row for the filter nowhere; esc drops it" in person.screen()
        assert "/nowhere" in person.screen().splitlines()[1]

    run(shop, errand)


def test_faults_only_in_a_store_without_faults_says_that_all_is_well(
    store: Store, run: Run
) -> None:
    store.create_queue("mails")

    async def errand(person: Person) -> None:
        await person.press("z")
        assert "all is well; z shows everything" in person.screen()

    run(store, errand)


def test_an_address_where_nothing_is_opens_no_view(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        before = person.screen()
        await person.burst(":emails@99\r")
        assert person.toasts
        assert "emails@99" in person.toasts[0]
        assert person.screen().splitlines()[2] == before.splitlines()[2]

    run(shop, errand)


def test_the_name_of_an_exchange_leads_to_the_topology(shop: Store, run: Run) -> None:
    shop.create_exchange("news", "fanout")

    async def errand(person: Person) -> None:
        await person.burst(":news\r")
        assert person.app.screen.query_one("#tree").has_focus

    run(shop, errand)


def test_the_command_for_a_fifo_queue_names_the_message_group(shop: Store, run: Run) -> None:
    prepare = prepare_publish("invoices", "acct-2", "-5")
    assert prepare(shop).command == "mq produce invoices -k acct-2 --message-group acct-2 -- -5"
