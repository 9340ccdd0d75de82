"""Take pictures of the dashboard: `python docs/capture_dashboard.py` writes docs/captures/.

It makes a store in which a shop has a bad quarter of an hour, runs the dashboard on it without a
terminal, and writes every screen as text and as SVG. Time stands still but for what the story says,
so the pictures are the same on every machine.
"""

from __future__ import annotations

import asyncio
import html
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from rich.cells import cell_len  # noqa: E402
from textual.pilot import Pilot  # noqa: E402

from store import Consumer, Diagnosis, NewRecord, Overview, Store  # noqa: E402
from store.model.clock import ManualClock  # noqa: E402
from store.model.maintenance import StoreStatus  # noqa: E402
from store.sqlite.leases.receipts import TOKEN_BITS  # noqa: E402
from store.topology.reading import TopologyFile  # noqa: E402
from tui.app import Dashboard  # noqa: E402
from tui.places import KEYS  # noqa: E402

TARGET = ROOT / "docs" / "captures"
PAGE = ROOT / "docs" / "dashboard.md"
SIZES = ((80, 24), (140, 40))
NOON = 1_767_268_800_000
"""The story's clock begins at 2026-01-01 12:00 UTC."""
PICTURES: dict[str, tuple[str, ...]] = {
    "overview": ("1",),
    "stall": ("n", "n", "enter"),
    "topics": ("2",),
    "queues": ("3",),
    "message": ("4", "enter", "enter"),
    "letters": ("4",),
    "topology": ("5", "w", *"order.7.paid", "enter"),
    "advice": ("6",),
}
"""The keys that lead to each picture."""

TOPOLOGY = b"""version: 1
name: orders
topics: {orders: {partitions: 4, retention: 7d}, uploads: {}}
queues:
  emails: {lease: 45s, max_deliveries: 3, dlq: emails.dead}
  emails.dead: {retention: 14d}
  orders.dlq: {retention: 14d}
  invoices: {fifo: true, lease: 1h}
  shipping: {lease: 5m}
  unrouted: {}
exchanges: {events: {type: topic, alternate: unrouted}, unrouted: {type: fanout}}
bindings:
  - {from: events, to: orders, key: "order.#"}
  - {from: events, to: emails, key: "order.*.created"}
  - {from: events, to: shipping, key: "order.*.paid"}
  - {from: unrouted, to: unrouted}
groups:
  billing: {topics: [orders]}
  reports: {topics: [orders]}
shares:
  thumbnails: {topic: uploads, max_in_flight: 40, lease: 1h}
"""


class StoryClock(ManualClock):
    """The clock of the story: it stands still unless the story goes on."""

    def __init__(self) -> None:
        super().__init__(wall=NOON)


def tell(store: Store, clock: ManualClock) -> list[Consumer]:
    """Let the shop's quarter of an hour happen; what is returned holds on to partitions."""
    store.apply([TopologyFile("orders.yaml", TOPOLOGY)])
    _leave_clicks(store)
    _sell(store, 1_200)
    clock.advance(4_000)
    billing, reports = (
        store.consumer(group, ["orders"], member=member, session_timeout=7_200)
        for group, member in (("billing", "worker-7"), ("reports", "nightly-1"))
    )
    _read_on(billing)
    _sell(store, 300)
    poison = _fail_to_bill(billing)
    _fail_to_mail(store, clock)
    _number_invoices(store)
    _make_thumbnails(store)
    for step in range(84):
        clock.advance(10)
        _sell(store, 4 + step % 9)
        _read_on(billing, besides=poison)
        if step % 3 == 0:
            _read_on(reports)
        _pack(store)
    store.publish("events", "refund.901", '{"order": 901}')
    store.alter_queue("emails", lease=30)
    return [billing, reports]


def _leave_clicks(store: Store) -> None:
    store.create_topic("clicks")
    store.produce_many("clicks", [NewRecord(f"click {n}") for n in range(250)])
    with store.consumer("heatmap", ["clicks"], member="heatmap-1") as heatmap:
        heatmap.poll(90, timeout=0)
        heatmap.commit()


def _read_on(consumer: Consumer, besides: int | None = None) -> None:
    while records := consumer.poll(500, timeout=0):
        consumer.commit(
            {(r.topic, r.partition): r.offset + 1 for r in records if r.partition != besides}
        )


def _pack(store: Store) -> None:
    for queue, holder in (("shipping", "packer-2"), ("emails", "mailer-1")):
        messages = store.receive(queue, 8, holder=holder)
        store.ack([message.receipt or "" for message in messages[:7]])


def _sell(store: Store, number: int) -> None:
    made = int(store.clock.wall()) // 1000
    store.produce_many(
        "orders",
        [
            NewRecord(f'{{"order": {n}, "at": {made}}}', key=f"cust-{n * 7 % 90}")
            for n in range(number)
        ],
    )
    for n in range(number // 4):
        store.publish("events", f"order.{n}.{'paid' if n % 3 else 'created'}", f'{{"order": {n}}}')


def _fail_to_bill(billing: Consumer) -> int:
    """Let one record fail six times; the partition that it blocks."""
    (record,) = billing.poll(1, timeout=0)
    for _ in range(6):
        billing.fail(record, "card_api 502 Bad Gateway")
    return record.partition


def _fail_to_mail(store: Store, clock: ManualClock) -> None:
    errors = [
        "smtp 550: no such user c{}@exmaple.org",
        "timed out after {}s",
        "quota of {} MB used",
    ]
    for kind, error in enumerate(errors):
        for number in range(9 - 3 * kind):
            sent = store.send("emails", f'{{"to": "c{number}@exmaple.org"}}', key=f"cust-{number}")
            clock.advance(1)
            for _ in range(3):
                for message in store.receive("emails", 500, holder="mailer-1"):
                    if message.id == sent.id:
                        store.nack([message.receipt or ""], error=error.format(number), delay=0)
                    else:
                        store.ack([message.receipt or ""])


def _number_invoices(store: Store) -> None:
    for number in range(40):
        store.send("invoices", f'{{"invoice": {number}}}', message_group=f"acct-{number % 3}")
    store.receive("invoices", lease=7_200, holder="bookkeeper")


def _make_thumbnails(store: Store) -> None:
    store.produce_many("uploads", [NewRecord(f"photo-{n}.jpg") for n in range(90)])
    for record in store.acquire("thumbnails", 40, lease=7_200, holder="resizer-3")[1:]:
        store.ack([record.receipt])


@contextmanager
def story() -> Iterator[Store]:
    """The store with the whole story in it, as it looks from its own folder."""
    clock = StoryClock()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        _pin(stack, folder)
        (folder / "orders.yaml").write_bytes(TOPOLOGY)
        store = stack.enter_context(
            Store.open(folder / "shop.db", create=True, clock=clock, durability="normal")
        )
        for consumer in tell(store, clock):
            stack.callback(consumer.close)
        _steady(stack, store)
        yield store


def _pin(stack: ExitStack, folder: Path) -> None:
    """Keep out of the pictures what is another on each machine and in each run."""
    stack.callback(os.chdir, os.getcwd())
    os.chdir(folder)
    stack.enter_context(patch.dict(os.environ, {"TZ": "UTC", "COLORTERM": "truecolor"}))
    stack.enter_context(patch("os.urandom", lambda size: bytes(range(size))))
    token = partial(Random(7).getrandbits, TOKEN_BITS)
    stack.enter_context(patch("store.sqlite.leases.receipts.new_token", token))
    time.tzset()
    stack.callback(time.tzset)


def _steady(stack: ExitStack, store: Store) -> None:
    snapshot, doctor = store.snapshot, store.doctor

    def shown(*arguments: Any, **named: Any) -> Overview:
        seen = snapshot(*arguments, **named)
        assert isinstance(seen.status, StoreStatus)
        status = replace(seen.status, location="/srv/shop/shop.db", wal_bytes=4 << 20)
        stalls = tuple(replace(s, holder_pid=s.holder_pid and 8812) for s in seen.stalls)
        return replace(seen, status=status, stalls=stalls)

    def found() -> list[Diagnosis]:
        # What it says of the SQLite underneath is about this machine.
        return [one for one in doctor() if not one.code.startswith("sqlite")]

    stack.enter_context(patch.object(store, "snapshot", shown, create=True))
    stack.enter_context(patch.object(store, "doctor", found, create=True))


def take(store: Store, size: tuple[int, int]) -> dict[str, tuple[str, str]]:
    """All pictures of the dashboard at one size, as text and as SVG."""

    async def at_the_dashboard() -> dict[str, tuple[str, str]]:
        app = Dashboard(store, ticking=False)
        taken = {}
        async with app.run_test(size=size) as pilot:
            await _settle(app, pilot)
            for picture, keys in PICTURES.items():
                for key in keys:
                    await pilot.press("full_stop" if key == "." else key)
                    await _settle(app, pilot)
                # What follows the width of a table is right from the second look on.
                app.poller.look()
                await _settle(app, pilot)
                taken[picture] = _text(app), _calm(app.export_screenshot(title="mq dashboard"))
        return taken

    return asyncio.run(at_the_dashboard())


async def _settle(app: Dashboard, pilot: Pilot[None]) -> None:
    await pilot.pause()
    while any(not worker.is_finished for worker in app.workers):
        await pilot.pause()
    await pilot.pause()


def _text(app: Dashboard) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips) + "\n"


def _calm(svg: str) -> str:
    # Rich names styles after a random number, and takes its font from a server far away.
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.S)
    return _RUN.sub(_without_margins, svg)


# Some programs drop spaces at the ends of a run of text, so runs begin and end with a character.
_RUN = re.compile(
    r'<text class="([^"]*)" x="([^"]*)" (y="[^"]*") textLength="([^"]*)"([^>]*)>(.*?)</text>'
)


def _without_margins(found: re.Match[str]) -> str:
    classes, x, y, length, rest, shown = found.groups()
    text = html.unescape(shown)
    kept = text.strip("\N{NO-BREAK SPACE}")
    if not kept:
        return ""
    cell = float(length) / cell_len(text)
    left = float(x) + cell * (len(text) - len(text.lstrip("\N{NO-BREAK SPACE}")))
    wide = cell * cell_len(kept)
    inner = html.escape(kept, quote=False).replace("\N{NO-BREAK SPACE}", "&#160;")
    return f'<text class="{classes}" x="{left:g}" {y} textLength="{wide:g}"{rest}>{inner}</text>'


def texts(store: Store) -> dict[str, str]:
    """Every picture as text, by the name of its file."""
    return {
        _name(picture, size, "txt"): text
        for size in SIZES
        for picture, (text, _) in take(store, size).items()
    }


def _name(picture: str, size: tuple[int, int], suffix: str) -> str:
    return f"{picture}-{size[0]}x{size[1]}.{suffix}"


def keys_table() -> str:
    """The registry of keys as a table."""
    rows = [
        f"| `{key.cap}` | {key.help} | {_DANGERS[key.danger]} | {_commands(key.command)} |"
        for key in KEYS
    ]
    return "\n".join(["| Key | What it does | Writes | The same by |", "|---|---|---|---|", *rows])


def _commands(text: str) -> str:
    return ", ".join(f"`{command}`" for command in text.split(" · ")) if text else ""


_DANGERS = {"none": "", "writes": "yes", "severe": "asks for the name"}


def page(text: str) -> str:
    """The page of the dashboard with the keys as they are."""
    head, rest = text.split("<!-- keys", 1)
    first, rest = rest.split("-->\n", 1)
    _, tail = rest.split("<!-- end of keys -->", 1)
    return f"{head}<!-- keys{first}-->\n\n{keys_table()}\n\n<!-- end of keys -->{tail}"


def main() -> None:
    """Write all pictures, and the keys into the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    TARGET.mkdir(exist_ok=True)
    with story() as store:
        for size in SIZES:
            for picture, (text, svg) in take(store, size).items():
                (TARGET / _name(picture, size, "txt")).write_text(text, encoding="utf-8")
                (TARGET / _name(picture, size, "svg")).write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
