"""What holds for streams of RabbitMQ alone: loads that are repeated, and their confirms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from store import BadRecord, OutcomeUnknown, Unsupported, open_place
from store.engine.broker import Broker
from tests.support import rabbitmq_server
from tests.support.cutting_proxy import STREAM_PUBLISH, cutting
from tests.support.rabbitmq_server import at, run_mq, server, vhost_of

LOAD = [b"%d" % number for number in range(1500)]


@pytest.fixture
def shop() -> Iterator[str]:
    """A vhost of its own."""
    with rabbitmq_server.vhost() as url:
        yield url


@pytest.fixture
def orders(shop: str) -> Iterator[Broker]:
    """The vhost, opened, with a topic."""
    with open_place(shop) as opened:
        opened.create_topic("orders")
        yield opened


def everything(broker: Broker) -> list[bytes | None]:
    """The values of all records of the topic."""
    found: list[bytes | None] = []
    while records := broker.read("orders", offset=len(found)):
        found += [record.value for record in records]
    return found


class TestRepeatedLoads:
    def test_the_server_drops_what_it_has_of_a_producer(self, orders: Broker) -> None:
        first, second = orders.producer("load"), orders.producer("load")
        assert (first.stored("orders"), second.stored("orders")) == (0, 0)
        first.produce_many("orders", LOAD[:3], 0)
        second.produce_many("orders", LOAD[:4], 0)
        assert everything(orders) == LOAD[:4]

    def test_lost_before_the_confirm_it_is_run_again_and_stored_once(
        self, orders: Broker, shop: str
    ) -> None:
        orders.producer("load").produce_many("orders", LOAD[:10], 0)
        host, _ = server().hosts[0]
        with cutting(host, int(server().options["stream"]), STREAM_PUBLISH) as cut:
            through = at(vhost_of(shop), stream=str(cut))
            with open_place(through) as broken, pytest.raises(OutcomeUnknown, match="may be"):
                broken.producer("load").produce_many("orders", LOAD, 0)
        orders.producer("load").produce_many("orders", LOAD, 0)
        assert everything(orders) == LOAD

    def test_the_command_skips_what_it_stored_and_says_so(
        self, orders: Broker, shop: str, tmp_path: Path
    ) -> None:
        load = tmp_path / "load"
        load.write_bytes(b"\n".join(LOAD))
        orders.producer("load").produce_many("orders", LOAD[:1100], 0)
        done = run_mq(shop, "produce", "orders", "-f", str(load), "--producer", "load")
        assert done.returncode == 0
        assert "skipped 1,100 records that load stored before" in done.stderr
        assert everything(orders) == LOAD

    def test_a_queue_refuses_it(self, orders: Broker) -> None:
        orders.create_queue("emails")
        with pytest.raises(Unsupported, match="twice"):
            orders.producer("load").stored("emails")

    def test_a_record_larger_than_a_frame_is_named(self, orders: Broker) -> None:
        with pytest.raises(BadRecord, match="at most") as raised:
            orders.producer("load").produce_many("orders", [b"x", b"x" * (1 << 20)], 0)
        assert raised.value.index == 1
        assert orders.read("orders") == []


class TestGroups:
    def test_a_group_is_listed_once_a_member_joined_and_no_exchange_shows_it(
        self, orders: Broker
    ) -> None:
        assert orders.groups() == []
        with orders.consumer("billing", ["orders"], timeout=20.0):
            assert [(one.name, one.state) for one in orders.groups()] == [("billing", "stable")]
        assert [row.group for row in orders.lag()] == ["billing"]
        assert (orders.exchanges(), orders.bindings()) == ([], [])
        assert "mq.groups" not in orders.export()

    def test_it_goes_with_its_last_topic(self, orders: Broker) -> None:
        orders.consumer("billing", ["orders"], timeout=20.0).close()
        orders.delete_topic("orders")
        assert orders.groups() == []

    def test_a_user_who_may_not_note_it_reads_all_the_same(self, orders: Broker, shop: str) -> None:
        orders.produce("orders", b"x")
        vhost = vhost_of(shop)
        allowed = "^(orders.*|mq\\.member\\..*)$"
        with (
            rabbitmq_server.user("reader", "pw", vhost=vhost, allowed=allowed),
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setenv("MQ_PASSWORD", "pw")
            with open_place(at(vhost, "reader")) as other:
                member = other.consumer("billing", ["orders"], timeout=20.0)
                assert len(member.poll(1, timeout=20.0)) == 1
        assert orders.groups() == []
