"""Names, addresses and ids of screens to the view that shows them."""

from __future__ import annotations

from store import NotFound
from store.engine.broker import Broker
from store.model.addresses import parse_address
from tui.keys import COMMON_KEYS
from tui.screens.advice import AdviceView
from tui.screens.dead_letters import DeadLettersView
from tui.screens.message import MessageView
from tui.screens.overview import OverviewView
from tui.screens.queues import QueuesView
from tui.screens.records import RecordsView
from tui.screens.topics import TopicsView
from tui.screens.topology import TopologyView
from tui.view import View

# A screen is a view that a key opens. It needs no other line than its name here.
SCREENS: tuple[type[View], ...] = (
    OverviewView,
    TopicsView,
    QueuesView,
    DeadLettersView,
    TopologyView,
    AdviceView,
)
SCREEN_BY_ID = {view.opened_by.id: view for view in SCREENS if view.opened_by is not None}
KEYS = (*(view.opened_by for view in SCREENS if view.opened_by is not None), *COMMON_KEYS)


def find_place(store: Broker, text: str) -> View:
    """Return the view of a topic, partition, record, queue, message, group or exchange.

    Raises `NotFound` without a match.
    """
    address = parse_address(text)
    kind = store.kind(address.name)
    if kind is None:
        return _place_by_name(store, text)
    if address.offset is not None:
        return _answered(store, MessageView(address))
    if address.partition is not None:
        return _answered(store, RecordsView(address.name, address.partition))
    return TopicsView(address.name) if kind == "topic" else QueuesView(address.name)


def _answered(store: Broker, view: View) -> View:
    """Return the view if the store can answer its question; raises `NotFound` otherwise."""
    question = view.question()
    if question is not None:
        question(store)
    return view


def _place_by_name(store: Broker, name: str) -> View:
    for group in store.groups():
        if group.name == name and group.offsets:
            return TopicsView(group.offsets[0].topic)
    if any(exchange.name == name for exchange in store.exchanges()):
        return TopologyView(name)
    raise NotFound(
        f"there is nothing called {name}",
        hint="a topic, queue, group, exchange or address; or a screen's name",
    )
