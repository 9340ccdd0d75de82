"""`mq lease`: who holds what, and taking it back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import NewMessage, Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import RunMq

FIELDS = ["address", "reader", "holder", "deliveries", "expires", "seconds_left", "receipt"]


@pytest.fixture
def post(path: Path) -> Iterator[Store]:
    """A store in which worker-1 holds emails@0 and somebody held letters@0; emails@1 is ready."""
    with Store.open(path, create=True, durability="normal") as store:
        for queue in ("emails", "letters"):
            store.create_queue(queue)
            store.send_many(queue, [NewMessage(b"a"), NewMessage(b"b")])
        store.receive("emails", holder="worker-1")
        store.receive("letters", lease=0)
        yield store


def test_a_lease_has_the_fields_of_the_contract(call_mq: RunMq, post: Store) -> None:
    (lease,) = json.loads(call_mq("lease", "list", "--json").out)
    assert list(lease) == FIELDS
    assert (lease["address"], lease["reader"], lease["holder"]) == (
        "emails@0",
        "emails",
        "worker-1",
    )
    assert lease["deliveries"] == 1
    assert 0 < lease["seconds_left"] <= 30
    assert lease["expires"].endswith("Z")


def test_its_receipt_is_good_for_an_ack(call_mq: RunMq, post: Store) -> None:
    (lease,) = json.loads(call_mq("lease", "list", "emails", "--json").out)
    assert call_mq("ack", lease["receipt"]).code == 0
    assert post.queue("emails").leased == 0


def test_lapsed_leases_are_listed_when_asked_for(call_mq: RunMq, post: Store) -> None:
    run = call_mq("lease", "list", "--expired", "-o", "name")
    assert run.text == "letters@0\n"


def test_a_queue_without_leases_has_an_empty_list(call_mq: RunMq, post: Store) -> None:
    assert call_mq("lease", "list", "letters", "--json").text == "[]\n"


def test_a_missing_queue_is_not_found(call_mq: RunMq, post: Store) -> None:
    assert call_mq("lease", "list", "nothing").is_refused(3)


@pytest.mark.parametrize("by", ["address", "receipt"])
def test_a_released_message_is_ready_and_its_receipt_worth_nothing(
    call_mq: RunMq, post: Store, by: str
) -> None:
    (lease,) = json.loads(call_mq("lease", "list", "--json").out)
    assert call_mq("lease", "release", lease[by]).code == 0
    assert post.queue("emails").ready == 2
    assert call_mq("ack", lease["receipt"]).is_refused(4)


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("", 2),
        ("emails", 2),
        ("emails/0@0", 2),
        ("emails@x", 2),
        ("emails@1", 3),
        ("emails@99", 3),
        ("letters@0", 3),
        ("nothing@0", 3),
    ],
)
def test_what_nobody_holds_is_not_released(
    call_mq: RunMq, post: Store, what: str, code: int
) -> None:
    assert call_mq("lease", "release", what).is_refused(code)
    assert post.queue("emails").leased == 1
