"""`--labels` on things, and how labels are shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from store import Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq


@pytest.mark.parametrize("line", ["topic {} x", "queue {} x", "share {} x orders"])
def test_labels_are_given_by_an_option_and_shown(call_mq: RunMq, store: Store, line: str) -> None:
    store.create_topic("orders")
    create = line.format("create").split()

    assert call_mq(*create, "--labels", "team=shop,env=prod").code == 0

    shown = json.loads(call_mq(*line.format("show").split()[:3], "--json").out)
    assert shown["config"]["labels"] == {"env": "prod", "team": "shop"}


def test_an_exchange_takes_labels_too(call_mq: RunMq, store: Store) -> None:
    call_mq("exchange", "create", "events", "-t", "fanout", "--labels", "team=shop")
    assert json.loads(call_mq("exchange", "show", "events", "--json").out)["labels"] == {
        "team": "shop"
    }

    assert call_mq("exchange", "alter", "events", "--labels", "none").code == 0
    assert store.exchange("events").labels == ()
    assert call_mq("exchange", "alter", "events").is_refused(2)


def test_a_thing_without_labels_shows_none(call_mq: RunMq, store: Store) -> None:
    store.create_queue("mails", labels={"team": "shop"})

    assert call_mq("queue", "alter", "mails", "--labels", "none").code == 0

    assert "labels" not in json.loads(call_mq("queue", "show", "mails", "--json").out)["config"]


def test_a_label_without_a_value_is_refused(call_mq: RunMq, store: Store) -> None:
    store.create_queue("mails")

    assert call_mq("queue", "alter", "mails", "--labels", "team").is_refused(2)
