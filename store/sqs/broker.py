"""The queues of Amazon SQS as a broker; the calls that it lacks are refused by its base."""

from __future__ import annotations

from collections.abc import Callable

from store.engine.places import Place
from store.engine.serving import ServedBroker
from store.sqs.client import check_place
from store.sqs.operations import AccountOperations


class SQS(AccountOperations, ServedBroker):
    """An open account in a region; a connection is made by the first call that needs one.

    It may be used by one thread at a time.
    """

    # Its counts are as old, and each look is paid for.
    PACE = 10.0
    TICK = 1.0

    @classmethod
    def open(cls, place: Place, timeout: float, tell: Callable[[str], None]) -> SQS:
        """Open a place; the credentials are those of AWS's own chain."""
        check_place(place, tell)
        return cls(place, timeout, tell)

    def close(self) -> None:
        """Close the connections; leases end by time alone."""
        self._client.close()
