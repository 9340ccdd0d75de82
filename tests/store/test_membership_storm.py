"""Members that come, leave, die and freeze: one owner per epoch, no way back, nothing unread.

`MQ_STORM_SECONDS` makes it longer; `MQ_KILL_SEED` repeats the blows, though not their effects.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from time import monotonic

import pytest

from store import NewRecord, Store
from tests.support.invariants import check_all
from tests.support.processes import PATIENCE, ROOT
from tests.support.storm_member import SESSION_TIMEOUT

pytestmark = pytest.mark.xdist_group("membership_storm")

SECONDS = float(os.environ.get("MQ_STORM_SECONDS", "10"))
MEMBERS = 8
PARTITIONS = 4
PROGRAM = Path(__file__).parents[1] / "support" / "storm_member.py"


@dataclass
class MembershipStorm:
    """Up to eight processes of one group, and what becomes of them."""

    folder: Path
    random: random.Random
    members: list[subprocess.Popen[bytes]] = field(default_factory=list)
    frozen: dict[int, Timer] = field(default_factory=dict)
    blows: Counter[str] = field(default_factory=Counter)

    def blow(self) -> None:
        """Start, end, kill or freeze somebody."""
        awake = [member for member in self.members if member.pid not in self.frozen]
        blow = self.random.choice(["join", "join", "leave", "kill", "freeze"])
        if blow == "join" and len(self.members) < MEMBERS:
            self.join()
        elif blow != "join" and len(awake) > 2:
            self._strike(blow, self.random.choice(awake))
        else:
            return
        self.blows[blow] += 1

    def join(self) -> None:
        """Start another member, with a book of its own."""
        words = [self.folder / "store.db", self.folder / f"{self.blows['join']}.book"]
        self.members.append(
            subprocess.Popen(
                [sys.executable, str(PROGRAM), *map(str, words)],
                stderr=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )
        )

    def _strike(self, blow: str, member: subprocess.Popen[bytes]) -> None:
        if blow == "freeze":
            member.send_signal(signal.SIGSTOP)
            # A thread thaws it, since we may be waiting for the lock that it holds.
            seconds = self.random.choice((0.2, 1.5, 2.5)) * SESSION_TIMEOUT
            self.frozen[member.pid] = Timer(seconds, self._thaw, [member.pid])
            self.frozen[member.pid].start()
        else:
            self.members.remove(member)
            member.send_signal(signal.SIGKILL if blow == "kill" else signal.SIGTERM)
            ended(member)

    def _thaw(self, pid: int) -> None:
        os.kill(pid, signal.SIGCONT)
        del self.frozen[pid]

    def calm(self) -> None:
        """Thaw everybody and have them leave in good order."""
        for thawing in list(self.frozen.values()):
            thawing.join()
        for member in self.members:
            member.terminate()
        for member in self.members:
            ended(member)

    def lines(self) -> list[list[str]]:
        """All books, each in the order in which it was written."""
        books = sorted(self.folder.glob("*.book"))
        return [line.split() for book in books for line in book.read_text().splitlines()]


def ended(member: subprocess.Popen[bytes]) -> None:
    """Wait for a member's end; it may only have been killed or told to end."""
    _, errors = member.communicate(timeout=PATIENCE)
    assert member.returncode in (0, -signal.SIGKILL, -signal.SIGTERM), errors.decode()


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> MembershipStorm:
    """A group after the storm; what nobody had read was read by one last member."""
    seed = int(os.environ.get("MQ_KILL_SEED") or random.randrange(1 << 32))
    print(f"repeat with MQ_KILL_SEED={seed}")
    storm = MembershipStorm(tmp_path_factory.mktemp("members"), random.Random(seed))
    with Store.open(storm.folder / "store.db", create=True, durability="normal") as store:
        store.create_topic("orders", partitions=PARTITIONS)
        end = monotonic() + SECONDS
        try:
            while monotonic() < end:
                storm.blow()
                for _ in range(storm.random.randint(5, 30)):
                    store.produce_many(
                        "orders", [NewRecord("x", partition=n % 4) for n in range(8)]
                    )
        finally:
            storm.calm()
        drain(store, storm.folder / "last.book")
    print(f"{dict(storm.blows)}, {sum(line[0] == 'fenced' for line in storm.lines())} fenced")
    return storm


def drain(store: Store, book: Path) -> None:
    """Read what is left, as one more member."""
    with store.consumer("billing", ["orders"]) as consumer, book.open("w") as written:
        while records := consumer.poll(timeout=0):
            written.writelines(f"read {r.partition} {r.offset}\n" for r in records)
            consumer.commit()


def commits(storm: MembershipStorm) -> dict[tuple[int, int], list[tuple[str, int]]]:
    """By partition and epoch: who committed which offset, in order."""
    found: dict[tuple[int, int], list[tuple[str, int]]] = defaultdict(list)
    for word, *rest in storm.lines():
        if word == "committed":
            partition, epoch, owner, offset = rest
            found[int(partition), int(epoch)].append((owner, int(offset)))
    return found


def test_there_was_a_storm(storm: MembershipStorm) -> None:
    assert all(storm.blows[blow] for blow in ("join", "leave", "kill", "freeze"))
    assert len(commits(storm)) > 2 * PARTITIONS


def test_no_offset_is_committed_by_two_owners_of_one_epoch(storm: MembershipStorm) -> None:
    owners = {place: {owner for owner, _ in made} for place, made in commits(storm).items()}

    assert {place: who for place, who in owners.items() if len(who) > 1} == {}


def test_no_commit_goes_back(storm: MembershipStorm) -> None:
    made = commits(storm)
    for partition in range(PARTITIONS):
        offsets = [
            offset
            for place in sorted(place for place in made if place[0] == partition)
            for _, offset in made[place]
        ]
        assert offsets == sorted(offsets)


def test_everything_is_read_in_the_end(storm: MembershipStorm) -> None:
    read = {(int(p), int(offset)) for word, p, offset, *_ in padded(storm) if word == "read"}
    with Store.open(storm.folder / "store.db") as store:
        ends = {p.partition: p.end for p in store.topic("orders").partitions}
        assert [row.lag for row in store.lag("billing")] == [0] * PARTITIONS

    assert read == {(partition, n) for partition, end in ends.items() for n in range(end)}


def padded(storm: MembershipStorm) -> list[list[str]]:
    return [line for line in storm.lines() if len(line) > 2]


def test_the_file_is_sound_after_the_storm(storm: MembershipStorm) -> None:
    with Store.open(storm.folder / "store.db") as store:
        check_all(store)
        assert store.group("billing").state == "empty"
