"""Exchanges at the dashboard: the tree, the way of a key, and drift from files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from store import Store
from store.topology.reading import TopologyFile
from tests.tui.conftest import Person
from tui.screens.branches import RouteQuery, Ways, branches, parse_route_query
from tui.screens.drift import drift_of
from tui.screens.topology import binding_text

Run = Callable[..., None]
FILE = b"""version: 1
name: shop
queues: {emails: {lease: 30s}, parcels: {}}
exchanges: {events: {type: topic, alternate: lost}, lost: {type: fanout}}
bindings:
  - {from: events, to: emails, key: "order.*.created"}
  - {from: events, to: parcels, key: "order.*.paid"}
  - {from: lost, to: emails}
"""


@pytest.fixture
def wired(store: Store, path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store that `shop.yaml` beside it was applied to, and nothing else in the folder."""
    monkeypatch.chdir(path.parent)
    Path("shop.yaml").write_bytes(FILE)
    store.apply([TopologyFile("shop.yaml", FILE)])
    return store


def test_a_key_lights_up_its_way_and_the_other_branches_say_why_not(wired: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("5")
        assert person.rows("tree") == [
            "|events|exchange|||topic exchange",
            "|├─ order.*.created → emails|queue|0|○ idle|",
            "|├─ order.*.paid → parcels|queue|0|○ idle|",
            "|└─ (else) → lost|exchange|||fanout exchange",
            "|   └─ (any) → emails|queue|0|○ idle|",
        ]
        await person.press("w")
        await person.type("order.7.paid")
        assert "reaches parcels" in person.screen()
        assert person.rows("tree") == [
            "●|events|exchange|||topic exchange",
            "|├─ order.*.created → emails|queue|0|○ idle|word 3 'paid' is not 'created'",
            "●|├─ order.*.paid → parcels|queue|0|○ idle|",
            "|└─ (else) → lost|exchange|||fanout exchange",
            "|   └─ (any) → emails|queue|0|○ idle|",
        ]
        await person.press("enter", "y")
        assert person.app.clipboard == "mq route events -k order.7.paid --explain"
        await person.press("escape")
        assert person.rows("tree")[0].startswith("|events")

    run(wired, errand)


def test_what_no_binding_matches_goes_the_way_of_the_alternate(wired: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("5", "w")
        await person.type("other")
        assert "reaches emails" in person.screen()
        assert [row[0] for row in person.rows("tree")] == ["●", "|", "|", "●", "●"]

    run(wired, errand)


def test_a_store_in_step_with_its_file_says_so_and_drift_lists_the_steps(
    wired: Store, run: Run
) -> None:
    async def errand(person: Person) -> None:
        await person.press("5")
        assert person.rows("drift") == ["●|in step with shop.yaml"]
        wired.alter_queue("emails", lease=45)
        wired.delete_queue("parcels")
        await person.press("1", "5")
        assert (
            person.rows("drift")
            == [
                "▲|3 steps from shop.yaml",
                "|+ queue parcels",
                "|~ queue emails: lease 45s → 30s",
                "|+ binding events -> parcels key order.*.paid",
            ]
            or person.rows("drift")[0] == "▲|3 steps from shop.yaml"
        )
        await person.press("tab", "y")
        assert person.app.clipboard == "mq plan shop.yaml"

    run(wired, errand)


def test_files_that_nothing_in_the_store_belongs_to_are_no_drift(wired: Store, path: Path) -> None:
    Path("other.yaml").write_text("version: 1\nqueues: {emails: {lease: 5s}}\n")
    Path("compose.yaml").write_text("version: '3'\nservices: {}\n")

    found = {drift.file: drift.is_applied for drift in drift_of(Path.cwd())(wired)}

    assert found == {"shop.yaml": True, "other.yaml": False}


def test_a_file_that_is_wrong_says_so(wired: Store) -> None:
    Path("shop.yaml").write_bytes(FILE + b"groups: {g: {topics: [nowhere]}}\n")

    assert [drift.error for drift in drift_of(Path.cwd())(wired)] == ["1 error in shop.yaml"]


def test_an_empty_store_says_how_to_begin(
    store: Store, run: Run, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)

    async def errand(person: Person) -> None:
        await person.press("5")
        assert "no exchanges yet: mq exchange create events -t topic" in person.screen()

    run(store, errand, size=(80, 24))


def test_a_key_is_typed_in_one_burst(wired: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("5")
        await person.burst("worder.7.paid\r")
        assert "reaches parcels" in person.screen()

    run(wired, errand)


def test_a_circle_of_exchanges_is_drawn_once(store: Store) -> None:
    store.create_exchange("a", "fanout")
    store.create_exchange("b", "fanout")
    store.bind("a", "exchange:b")
    store.bind("b", "exchange:a")

    tree = branches(store.exchanges(), store.bindings())

    assert [(b.rail, b.starts_at, b.seen) for b in tree] == [
        ("", "a", False),
        ("└─ ", "a", False),
        ("   └─ ", "b", True),
    ]


def test_a_tree_of_more_lines_than_are_shown_says_how_many_are_left_out(
    store: Store, run: Run
) -> None:
    store.create_queue("q")
    store.create_exchange("a", "direct")
    for number in range(512):
        store.bind("a", "q", key=str(number))

    async def errand(person: Person) -> None:
        await person.press("5")
        assert len(person.rows("tree")) == 500
        assert "· the first 500 lines, 13 left out" in person.screen()

    run(store, errand, (80, 24))


def test_headers_decide_in_a_headers_exchange(store: Store) -> None:
    store.create_queue("q")
    store.create_exchange("h", "headers")
    store.bind("h", "q", headers={"size": 3, "kind": "x"})
    asked = parse_route_query("h", "kind=x size:=3")

    found = store.explain_route(asked.exchange, asked.key, asked.headers)
    tree = branches(store.exchanges(), store.bindings())

    assert asked == RouteQuery("h", "", {"kind": "x", "size": 3})
    assert [Ways(asked, found).takes(branch) for branch in tree] == [True, True]
    assert binding_text(store.bindings()[0]) == "all: kind=x size:=3"


@pytest.mark.parametrize(
    ("text", "key", "headers"),
    [
        ("order.1", "order.1", {}),
        ("'a b' x=1", "a b", {"x": "1"}),
        ("k x:=true y", "k", {"x": True, "y": None}),
        ("k 'unended", "k", {"'unended": None}),
        ("", "", {}),
    ],
)
def test_a_question_is_read_as_the_command_line_reads_it(
    text: str, key: str, headers: dict[str, object]
) -> None:
    assert parse_route_query("e", text) == RouteQuery("e", key, headers)  # type: ignore[arg-type]
