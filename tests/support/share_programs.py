"""Programs that share tests run as processes: `python share_programs.py NAME ARGUMENT…`."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from store import LeaseLost, Store
from tests.support.programs import say, start_program

POISON = b"poison"


def start(name: str, *arguments: object, **variables: str) -> subprocess.Popen[str]:
    """Run one of these programs, with a pipe as stdout."""
    return start_program(__file__, name, *arguments, **variables)


def work(path: str, share: str, seed: str) -> None:
    """Work on a share until nothing is left; the poison fails every time. Tell what was done."""
    chance = random.Random(int(seed))
    with Store.open(path) as store:
        while any(row.lag for row in store.lag(share)):
            for record in store.acquire(share, chance.randint(1, 9), 0.05, attached=True):
                say("worked", record.address, record.deliveries)
                try:
                    if record.value == POISON:
                        store.nack([record.receipt], error="poisoned")
                    else:
                        store.ack([record.receipt])
                        say("acked", record.address)
                except LeaseLost:
                    say("lost", record.address)


def hold(path: str, share: str, most: str) -> None:
    """Acquire so many records, tell which, and keep them until the end of the process."""
    with Store.open(path) as store:
        held = store.acquire(share, int(most), 5.0, attached=True)
        say(*(record.address for record in held))
        store.wait(store.changed(), 60.0, lambda: False)


if __name__ == "__main__":
    # The folder of this file must not come before the packages that it imports.
    sys.path.remove(str(Path(__file__).parent))
    globals()[sys.argv[1]](*sys.argv[2:])
