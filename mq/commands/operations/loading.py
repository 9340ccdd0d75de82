"""The load of the store of a run, beside what a short probe does on the same disk."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING

from mq.cli.context import Context
from store.advice.load import Load, load_of
from store.model.errors import MqError
from store.model.stalls import FlowOf

if TYPE_CHECKING:
    from store import Store

PROBE_SECONDS = 0.3
_BODY = b"." * 100


def load_here(context: Context, clock: Callable[[], float] = monotonic) -> Load | None:
    """Return the load of the file that is named or nearest; `None` if there is no such file.

    It probes for 0.3 s in a new store beside that file, with the same durability.
    """
    if context.named_place() is not None:
        return None
    path = context.store_location().path
    if not path.is_file():
        return None
    try:
        with context.open_store_at(path) as store:
            wanted = [FlowOf(topic.name) for topic in store.topics()]
            wanted += [FlowOf(queue.name) for queue in store.queues()]
            flows = store.flows(wanted)
            durability = store.status().durability
        bound = _probe(context, path.parent, durability, clock)
    except (MqError, OSError) as error:
        return Load(str(path), why=str(error))
    return load_of(str(path), flows.values(), bound)


def _probe(context: Context, folder: Path, durability: str, clock: Callable[[], float]) -> float:
    with TemporaryDirectory(prefix=".mq-probe-", dir=folder) as temporary:
        path = Path(temporary, "store.db")
        with context.open_store_at(path, create=True, durability=durability) as store:
            return messages_a_second(store, clock)


def messages_a_second(store: "Store", clock: Callable[[], float]) -> float:
    """Return how many messages a second this process sends, receives and acknowledges, one by one.

    It works in a queue of its own until `clock`, in seconds, is 0.3 s further.
    """
    store.create_queue("probe")
    begun = now = clock()
    count = 0
    while now - begun < PROBE_SECONDS:
        store.send("probe", _BODY)
        store.ack([message.receipt or "" for message in store.receive("probe")])
        count += 1
        now = clock()
    return count / (now - begun)
