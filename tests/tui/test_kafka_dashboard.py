"""The dashboard on a Kafka cluster: topics with the group furthest behind, each screen opens."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from store import open_place
from store.engine.broker import Broker
from store.model.positions import parse_position
from tests.support import kafka_server
from tests.tui.conftest import Person

Run = Callable[..., None]

pytestmark = pytest.mark.xdist_group("kafka")


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """Two topics, and a group that is six records behind in one of them."""
    with kafka_server.emptied() as url, open_place(url) as opened:
        opened.create_topic("orders", partitions=2)
        opened.create_topic("prices", cleanup="compact")
        opened.create_group("billing", topics=["orders"])
        for number in range(10):
            opened.produce("orders", b"v", partition=number % 2, timestamp=opened.wall() - 300_000)
        opened.reset_group("billing", parse_position("2", 0))
        yield opened


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
def test_topics_are_shown_by_the_group_furthest_behind(
    broker: Broker, run: Run, size: tuple[int, int]
) -> None:
    async def errand(person: Person) -> None:
        await person.look()
        (row,) = (row for row in person.rows("subjects") if "|orders|" in row)
        assert "|6|" in row.replace(" ", "")
        assert len(person.rows("subjects")) == 2

    run(broker, errand, size)


def test_each_screen_opens(broker: Broker, run: Run) -> None:
    async def errand(person: Person) -> None:
        for key, word in (("2", "TOPIC"), ("3", "READY"), ("4", "REASON"), ("6", "WHERE")):
            await person.press(key)
            assert word in person.screen()
            assert "can't look" not in person.screen()

    run(broker, errand, (80, 24))
