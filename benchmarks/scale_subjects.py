"""The stores that `scale.py` fills, and the commands that it runs on each, in this order."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from topology import topology

from store import NewMessage, NewRecord, Store

BATCH = 5_000
VALUE = (
    b'{"order": 17, "city": "Graz", "padding": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}'
)
LONG = 10_000_000


class Command(NamedTuple):
    """A shell line, its short name, and whether the store is as it was filled before it."""

    text: str
    short: str = ""
    anew: bool = True
    most: int = 1 << 60

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return self.short or self.text.removeprefix("mq ")


class Subject(NamedTuple):
    """A kind of store and the commands whose cost may depend on how much is in it."""

    name: str
    fill: Callable[[Store, int, Path], None]
    commands: Sequence[Command]


def _in_batches(size: int, store: Callable[[range], object]) -> None:
    for first in range(0, size, BATCH):
        store(range(first, min(first + BATCH, size)))


def letters(store: Store, size: int, folder: Path) -> None:
    """A DLQ with so many letters of one queue; `ids` has their ids as options."""
    store.create_queue("graves")
    store.create_queue("emails", dlq="graves")
    for first in range(0, size, BATCH):
        store.send_many("emails", [NewMessage(VALUE)] * min(BATCH, size - first))
        taken = store.receive("emails", BATCH, lease=LONG)
        store.reject([message.receipt or "" for message in taken], error="no such address")
    found = store.chosen_dead_letters("graves")
    (folder / "ids").write_text("".join(f"--id {letter.id} " for letter in found))


def messages(store: Store, size: int, folder: Path) -> None:
    """A queue with so many ready messages, and another where all are leased."""
    store.create_queue("jobs", lease=LONG / 1000)
    _in_batches(size, lambda part: store.send_many("jobs", [NewMessage(VALUE)] * len(part)))
    store.create_queue("held", lease=LONG / 1000)
    _in_batches(size, lambda part: store.send_many("held", [NewMessage(VALUE)] * len(part)))
    with open(folder / "receipts", "w") as receipts:
        while taken := store.receive("held", BATCH, lease=LONG):
            receipts.writelines(f"{message.receipt}\n" for message in taken)
    line = json.dumps({"value": VALUE.decode()}) + "\n"
    (folder / "lines").write_text(line * size)


def fifo(store: Store, size: int, folder: Path) -> None:
    """A FIFO queue with a message group for each message, and half of the groups held."""
    store.create_queue("jobs", fifo=True)
    _in_batches(
        size,
        lambda part: store.send_many(
            "jobs", [NewMessage(VALUE, message_group=f"g{n}", dedup_id=f"d{n}") for n in part]
        ),
    )
    for _ in range(0, size // 2, BATCH):
        store.receive("jobs", min(BATCH, size // 2), lease=LONG)


def records(store: Store, size: int, folder: Path) -> None:
    """A topic with so many records, each of its own key, and a share of it."""
    store.create_topic("orders")
    store.create_topic("compacted", cleanup="compact")
    store.create_topic("piped")
    store.create_share("share", "orders")
    _in_batches(
        size, lambda part: store.produce_many("orders", [NewRecord(VALUE, f"k{n}") for n in part])
    )
    _in_batches(
        size,
        lambda part: store.produce_many(
            "compacted", [NewRecord(VALUE, f"k{n % (size // 2)}") for n in part]
        ),
    )
    (folder / "lines").write_bytes((VALUE + b"\n") * size)


def groups(store: Store, size: int, folder: Path) -> None:
    """So many groups that read one topic, and so many topics."""
    store.create_topic("orders")
    store.produce_many("orders", [NewRecord(VALUE)] * 100)

    def commit(numbers: range) -> None:
        with store.transaction() as tx:
            for n in numbers:
                tx.commit(f"g{n}", {("orders", 0): n % 100})

    _in_batches(size, commit)


def partitions(store: Store, size: int, folder: Path) -> None:
    """A group of topics with so many partitions together, each with a record and an offset."""
    names = []
    for n in range(max(1, size // 1_000)):
        names.append(f"t{n}")
        count = min(1_000, size)
        store.create_topic(names[-1], partitions=count)
        store.produce_many(names[-1], [NewRecord(VALUE, partition=p) for p in range(count)] * 2)
        with store.transaction() as tx:
            tx.commit("g", {(names[-1], p): 1 for p in range(count)})
    (folder / "topics").write_text(" ".join(f"--topic {name}" for name in names))


def nothing(store: Store, size: int, folder: Path) -> None:
    """An empty store, and files of what there shall be."""
    _topology_files(size, folder)


def things(store: Store, size: int, folder: Path) -> None:
    """A fifth each of topics, queues, dead-letter queues, bindings and groups."""
    _topology_files(size, folder)
    store.apply([topology(size)])


def _topology_files(size: int, folder: Path) -> None:
    count = size // 5
    (folder / "all.yaml").write_bytes(topology(size).content)
    (folder / "changed.yaml").write_bytes(topology(size, lease="2m").content)
    (folder / "none.yaml").write_text("version: 1\nname: large\n")
    (folder / "named.yaml").write_bytes(b"name: large\n" + topology(size).content)
    for kind, prefix in {"queues": "q", "topics": "t", "groups": "g"}.items():
        (folder / kind).write_text(" ".join(f"{prefix}{n}" for n in range(count)))
    queues = [
        {"name": f"r{n}", "vhost": "/", "durable": True, "arguments": {}} for n in range(count)
    ]
    bindings = [
        {
            "source": "amq.topic", "vhost": "/", "destination": f"r{n}", "arguments": {},
            "destination_type": "queue", "routing_key": f"order.{n}.#",
        }
        for n in range(count)
    ]  # fmt: skip
    definitions = {"vhosts": [{"name": "/"}], "queues": queues, "bindings": bindings}
    (folder / "definitions.json").write_text(json.dumps(definitions))


READING = [
    Command("mq status", anew=False),
    Command("mq metrics", anew=False),
    Command("mq stalls", anew=False),
    Command("mq doctor; true", "doctor", anew=False),
    Command("mq lag", anew=False),
    Command("mq verify", anew=False),
]
_REJECTED = "--where 'dead.reason = rejected'"
_RESET = "mq group reset g --topic orders --to earliest --apply"
_PRUNE = "mq apply named.yaml --yes && mq apply none.yaml --prune --yes"
SUBJECTS = [
    Subject(
        "letters",
        letters,
        [
            *READING,
            Command("mq dlq list", anew=False),
            Command("mq dlq peek graves -n 1000000", "dlq peek of all", anew=False),
            Command("mq dlq peek graves --group-by error", anew=False),
            Command("mq dlq export graves > letters", "dlq export", anew=False),
            Command("mq dlq redrive graves"),
            Command("mq dlq undo", anew=False),
            Command(
                "mq dlq redrive graves --where 'dead.reason = rejected'", "dlq redrive --where"
            ),
            Command(
                "mq dlq purge graves --where 'dead.reason = rejected' --yes", "dlq purge --where"
            ),
            Command("mq dlq purge graves --yes"),
            Command("mq dlq import graves letters", "dlq import", anew=False),
            Command("mq dlq import graves letters", "dlq import of what is there", anew=False),
            Command("mq dlq purge graves --yes $(cat ids)", "dlq purge --id of all", most=20_000),
            Command("mq dlq redrive graves $(cat ids)", "dlq redrive --id of all", most=20_000),
        ],
    ),
    Subject(
        "messages",
        messages,
        [
            *READING,
            Command("mq queue list", anew=False),
            Command("mq queue show jobs held", anew=False),
            Command("mq peek jobs -n 1000000", "peek of all", anew=False),
            Command("mq peek jobs --where 'value.order = 18'", "peek --where", anew=False),
            Command("mq lease list held", anew=False),
            Command("mq produce jobs -f lines --framing ndjson", "produce a file"),
            Command("mq consume jobs"),
            Command(
                "while mq receive jobs -n 10000 --fail-empty; do :; done; true", "receive of all"
            ),
            Command("mq ack - < receipts", "ack of all"),
            Command("mq nack - < receipts", "nack of all"),
            Command("mq extend - --for 1h < receipts", "extend of all"),
            Command("mq queue purge jobs held --yes"),
            Command("mq queue purge held jobs --keep-leased --yes", "queue purge --keep-leased"),
            Command("mq queue delete jobs held --yes"),
            Command("mq queue alter jobs --lease 5s", anew=True),
            Command("mq backup copy.db && rm copy.db", "backup"),
            Command("mq vacuum"),
        ],
    ),
    Subject(
        "FIFO groups",
        fifo,
        [
            *READING,
            Command("mq queue show jobs", anew=False),
            Command("mq lease list jobs", anew=False),
            Command("mq consume jobs"),
            Command("mq queue alter jobs --max-deliveries 3 --drop-exhausted --yes"),
            Command("mq queue purge jobs --yes"),
        ],
    ),
    Subject(
        "records",
        records,
        [
            *READING,
            Command("mq topic show orders", anew=False),
            Command("mq topic latest orders", anew=False),
            Command("mq consume orders", anew=False),
            Command("mq consume orders -o ndjson", anew=False),
            Command("mq consume orders --where 'value.order = 18'", "consume --where", anew=False),
            Command("mq consume orders -g g", anew=False),
            Command(
                "mq group reset g --topic orders --to earliest --apply", "group reset", anew=False
            ),
            Command(
                "while mq receive share -n 10000 --fail-empty; do :; done; true",
                "receive of all of a share",
            ),
            Command("mq share show share", anew=False),
            Command("mq share reset share --to latest --apply --yes"),
            Command("mq produce orders -f lines", "produce a file"),
            Command("mq produce orders -f lines --key-from value.city", "produce a file with keys"),
            Command("mq topic compact compacted"),
            Command("mq topic latest compacted", anew=False),
            Command("mq topic trim orders --before latest --yes", "topic trim"),
            Command("mq topic delete compacted --yes", "topic delete"),
            Command("mq pipe orders piped -g p --once -- cat", "pipe through cat"),
            Command("mq project orders places --pk order", "project"),
            Command("mq backup copy.db", "backup"),
            Command("mq restore copy.db --yes", "restore", anew=False),
            Command("mq vacuum"),
        ],
    ),
    Subject(
        "groups",
        groups,
        [
            *READING,
            Command("mq group list", anew=False),
            Command("mq topic show orders", anew=False),
            Command("mq group show g1", anew=False),
            Command("mq export", anew=False),
        ],
    ),
    Subject(
        "partitions",
        partitions,
        [
            *READING,
            Command("mq topic list", anew=False),
            Command("mq topic show t0", anew=False),
            Command("mq group show g", anew=False),
            Command("mq group reset g $(cat topics) --to earliest", "group reset", anew=False),
            Command("mq group reset g $(cat topics) --to latest --apply", "group reset --apply"),
        ],
    ),
    Subject(
        "topology",
        nothing,
        [
            Command("mq validate all.yaml", anew=False),
            Command("mq plan all.yaml", anew=False),
            Command("mq apply all.yaml", anew=False),
            Command("mq import definitions.json > imported.yaml", "import"),
            Command("mq import definitions.json --apply", "import --apply"),
        ],
    ),
    Subject(
        "things",
        things,
        [
            *READING,
            Command("mq plan all.yaml", "plan of no change", anew=False),
            Command("mq plan changed.yaml", "plan of many changes", anew=False),
            Command("mq apply all.yaml", "apply of no change", anew=False),
            Command("mq apply changed.yaml --yes", "apply of many changes"),
            Command("mq export", anew=False),
            Command("mq topic list", anew=False),
            Command("mq queue list", anew=False),
            Command("mq group list", anew=False),
            Command("mq exchange list", anew=False),
            Command("mq exchange show events", anew=False),
            Command("mq route events -k order.7.x", anew=False),
            Command("mq publish events -k order.7.x value", anew=False),
            Command("mq bind events q1 --key new.key", anew=False),
            Command("mq unbind events q1 --key new.key", anew=False),
            Command("mq queue create another", anew=False),
            Command("mq topic create another.topic", anew=False),
            Command("mq queue alter q1 --lease 3m", anew=False),
            Command("mq group delete g1 --yes", anew=False),
            Command("mq topic delete t1 --yes", anew=False),
            Command(
                "mq apply named.yaml --yes && mq apply none.yaml --prune --yes", "apply --prune"
            ),
            Command("mq group delete --yes $(cat groups)", "group delete of all"),
            Command("mq queue delete --yes $(cat queues)", "queue delete of all"),
            Command("mq topic delete --yes $(cat topics)", "topic delete of all"),
            Command("mq exchange delete events --yes", "exchange delete"),
        ],
    ),
]
