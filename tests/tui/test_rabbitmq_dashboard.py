"""The dashboard on a server of RabbitMQ with 200 queues: two requests a look, unknown is a dash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from store import Unreachable, open_place
from store.engine.broker import Broker
from store.rabbitmq.management import Management
from tests.support import rabbitmq_server
from tests.support.rabbitmq_server import manage, until, vhost_of
from tests.tui.conftest import Person
from tui.screens.stall_card import delivery_lines, title_line, window_line
from tui.widgets.figures import clock_text
from tui.widgets.spans import plain

Run = Callable[..., None]
SIZES = [(80, 24), (140, 40)]
QUEUES = 200

pytestmark = pytest.mark.xdist_group("rabbitmq-dashboard")


@pytest.fixture(scope="module")
def warehouse() -> Iterator[str]:
    """A vhost with 200 queues, of which the first has five messages that have been counted."""
    with rabbitmq_server.vhost() as url:
        queues = [
            {"name": f"queue-{number:03}", "durable": True, "auto_delete": False, "arguments": {}}
            for number in range(QUEUES)
        ]
        manage("POST", f"definitions/{vhost_of(url)}", {"queues": queues})
        with open_place(url) as broker:
            broker.send_many("queue-000", [b"x"] * 5)
            until(lambda: bool(broker.snapshot().subjects[0].ready))
        yield url


@pytest.fixture
def broker(warehouse: str) -> Iterator[Broker]:
    """The vhost, opened."""
    with open_place(warehouse) as opened:
        yield opened


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the requests of the management API."""
    paths: list[str] = []
    call = Management._call

    def noted(management: Management, method: str, path: str, *more: Any) -> Any:
        paths.append(path)
        return call(management, method, path, *more)

    monkeypatch.setattr(Management, "_call", noted)
    return paths


@pytest.mark.parametrize("size", SIZES)
def test_a_look_at_all_queues_is_two_requests(
    broker: Broker, run: Run, requests: list[str], size: tuple[int, int]
) -> None:
    async def errand(person: Person) -> None:
        requests.clear()
        await person.look()
        assert requests == ["queues/{vhost}", "exchanges/{vhost}"]
        assert len(person.rows("subjects")) == QUEUES

    run(broker, errand, size)


@pytest.mark.parametrize("size", SIZES)
def test_figures_have_their_time_and_unknown_ones_a_dash(
    broker: Broker, run: Run, size: tuple[int, int]
) -> None:
    async def errand(person: Person) -> None:
        overview = person.app.overview
        assert overview is not None
        assert f"LIVE {clock_text(overview.taken)}" in person.screen()
        (first,) = (row for row in person.rows("subjects") if "|queue-000|" in row)
        cells = first.split("|")
        assert (cells[3].strip(), cells[6].strip()) == ("5", "-")

    run(broker, errand, size)


@pytest.mark.parametrize("size", SIZES)
def test_while_the_server_is_silent_the_picture_stays_with_its_time(
    broker: Broker, run: Run, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> None:
        raise Unreachable("no answer")

    async def errand(person: Person) -> None:
        overview = person.app.overview
        assert overview is not None
        monkeypatch.setattr(Management, "_call", silent)
        await person.look()
        text = person.screen()
        assert f"can't look since {clock_text(overview.taken)}: no answer" in text
        assert "queue-000" in text

    run(broker, errand, size)


def test_each_screen_opens(broker: Broker, run: Run) -> None:
    async def errand(person: Person) -> None:
        for key, word in (
            ("2", "TOPIC"),
            ("3", "READY"),
            ("4", "REASON"),
            ("5", "EXCHANGE"),
            ("6", "WHERE"),
        ):
            await person.press(key)
            assert word in person.screen()
            assert "can't look" not in person.screen()

    run(broker, errand, SIZES[0])


def test_the_card_of_a_stall_tells_the_queue_and_no_offset(broker: Broker) -> None:
    (stall,) = broker.stalls(over=0.0)
    detail = broker.stall_detail(stall)
    lines = [title_line(stall, 140), window_line(stall, 140)]
    lines += delivery_lines(stall, detail, broker.wall(), 140)
    text = "\n".join(map(plain, lines))
    assert "queue-000   UNASSIGNED  no consumer reads it" in text
    assert "5 messages in queue-000; the first one is not told" in text
    assert "none is known" in text
