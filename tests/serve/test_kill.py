"""A server under producers and consumers of boto3 dies by kill -9, at any moment, many times."""

from __future__ import annotations

from pathlib import Path

import pytest

from store import Store
from tests.support.sqs_storm import SqsStorm


def check(storm: SqsStorm) -> None:
    """No confirmed message is lost, and none is gone that no client deleted."""
    present = storm.present()
    assert storm.book.sent - set(present) <= storm.book.deleting
    # A producer that got no answer sent each body once.
    assert [body for body, count in present.items() if count > 1] == []
    assert storm.book.received
    assert storm.book.deleting - set(present)


def test_a_server_that_is_killed_loses_no_confirmed_message(path: Path) -> None:
    Store.open(path, create=True, durability="normal").close()
    storm = SqsStorm(path)

    storm.rage(5)

    assert storm.kills == 5
    check(storm)


@pytest.mark.nightly
def test_a_server_that_is_killed_200_times_loses_no_confirmed_message(path: Path) -> None:
    Store.open(path, create=True).close()
    storm = SqsStorm(path)

    storm.rage(200)

    assert storm.kills == 200
    check(storm)
