"""Settling deliveries by their receipts: those of one receive together, others one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol
from zlib import crc32

from store.sqlite import layout, leases
from store.sqlite.file.database import WriteTransaction
from store.sqlite.layout import OFFSET_BITS
from store.sqlite.leases import receipts
from store.sqlite.leases.runs import Run

if TYPE_CHECKING:
    from store.sqlite.leases.deliveries import Delivery, Refused
    from store.sqlite.leases.finish import Finishing
    from store.sqlite.leases.readers import Reader

# With fewer receipts of each receive than this, it takes less to look them all up at once.
_FEWEST_TOGETHER = 8

_Runs = list[tuple[Sequence[str], Run | None]]


class Settlement(Protocol):
    """A way to settle deliveries."""

    is_repeatable: bool
    """Whether it is no error where it was done before."""

    def settle_run(self, tx: WriteTransaction, reader: Reader, run: Run) -> bool:
        """Settle a run; return False, with nothing changed, where it has to go one by one."""

    def settle(
        self, tx: WriteTransaction, reader: Reader, deliveries: Sequence[Delivery]
    ) -> Refused:
        """Settle deliveries; return the errors by receipt."""


class Acknowledge:
    """Deliveries are acknowledged: their messages are done."""

    is_repeatable = True

    def settle_run(self, tx: WriteTransaction, reader: Reader, run: Run) -> bool:
        """Finish the messages of a run, if all its leases run on."""
        return leases.finish.finish_run(tx, reader, run)

    def settle(
        self, tx: WriteTransaction, reader: Reader, deliveries: Sequence[Delivery]
    ) -> Refused:
        """Finish the messages."""
        leases.finish.finish(tx, reader, [delivery.message for delivery in deliveries])
        leases.processing_times.note(tx, reader.id, [delivery.lease for delivery in deliveries])
        if len(deliveries) == 1 and not reader.by_runs:
            leases.finish.prepare(tx, reader, deliveries[0].message.slot)
        return {}


ACKNOWLEDGE = Acknowledge()


def settle(tx: WriteTransaction, texts: Sequence[str], settlement: Settlement) -> Refused:
    """Settle the deliveries of the receipts by a settlement; return the errors by receipt.

    A refused receipt changes nothing and does not keep the others from being settled.
    """
    seal = crc32(tx.database.uuid)
    first = receipts.read_or_none(seal, texts[0]) if texts else None
    if first is None:
        return leases.deliveries.settle(tx, texts, settlement)
    slot = first.lease >> OFFSET_BITS
    known: Finishing | None = tx.database.settings.answers.get((leases.finish.Finishing, slot))
    if known is None and not _goes_by_runs(tx, slot):
        return leases.deliveries.settle(tx, texts, settlement)
    ids = range(first.lease, first.lease + len(texts))
    if len(texts) > 1 and receipts.write_run(seal, ids, first.token) != texts:
        runs = _runs(tx, seal, texts)
    elif (
        known is not None
        and known.quiet_from <= tx.wall < known.quiet_until
        and settlement.is_repeatable
        and leases.finish.finish_quietly(tx, known, ids, first.token)
    ):
        return {}
    else:
        runs = [(texts, _run(tx, first.token, ids))]
    alone: set[str] = set()
    for together, run in runs:
        if run is None or not _settle_run(tx, run, settlement):
            alone.update(together)
    if not alone:
        return {}
    return leases.deliveries.settle(tx, [text for text in texts if text in alone], settlement)


def _goes_by_runs(tx: WriteTransaction, slot: int) -> bool:
    found = leases.readers.place(tx, slot)
    return found is not None and found[0].by_runs


def _settle_run(tx: WriteTransaction, run: Run, settlement: Settlement) -> bool:
    if not run.reader.by_runs or not settlement.settle_run(tx, run.reader, run):
        return False
    # Messages that were given back may be over a limit again.
    for policy in run.reader.policies.after_enqueue:
        policy.after_enqueue(tx, run.reader, ())
    return True


def _runs(tx: WriteTransaction, seal: int, texts: Sequence[str]) -> _Runs:
    """Return receipts with the run that they are of; `None` where they are of none."""
    receives: defaultdict[tuple[int, int], dict[str, int]] = defaultdict(dict)
    for text in texts:
        receipt = receipts.read_or_none(seal, text)
        if receipt is not None:
            receives[receipt.token, layout.owner(receipt.lease)][text] = receipt.lease
    known = sum(map(len, receives.values()))
    if len(receives) * _FEWEST_TOGETHER > known or known < len(texts):
        return [(texts, None)]
    return [
        (list(group), _run(tx, token, _in_order(group.values())))
        for (token, _), group in receives.items()
    ]


def _in_order(ids: Iterable[int]) -> Sequence[int]:
    rising = sorted(ids)
    first, last = rising[0], rising[-1]
    return range(first, last + 1) if last - first == len(rising) - 1 else rising


def _run(tx: WriteTransaction, token: int, ids: Sequence[int]) -> Run | None:
    found = leases.readers.place(tx, layout.owner(ids[0]))
    return None if found is None else Run(*found, token, ids)
