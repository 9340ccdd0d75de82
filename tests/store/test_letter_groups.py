"""Dead letters in groups: errors of one kind read as one."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from random import Random
from string import ascii_letters

import pytest

from store import Message, NewMessage, Store
from store.model.clock import ManualClock
from store.model.dead_letters import Dead
from store.model.letter_groups import Field, normalise_error


@pytest.mark.parametrize(
    ("normal", "errors"),
    [
        (
            "timeout after …",
            ["timeout after 30s", "timeout after 250 ms", "timeout after 1h2m3.5s"],
        ),
        ("took …", ["took 2m 3s", "took 45 seconds", "took 1h, 20m", "took 1e-05", "took -3"]),
        ("HTTP … in …", ["HTTP 503 in 1.25 s", "HTTP 500 in 0.5s"]),
        ("read … of it", ["read 12 KiB of it", "read 1 byte of it", "read 1,234,567 of it"]),
        ("… refused", ["10.0.0.1:5432 refused", "10.0.0.22 refused", "fe80::1ff:fe23 refused"]),
        ("peer … left", ["peer [2001:db8::dead:beef]:443 left", "peer 10.1.2.3:80 left"]),
        ("no user '…'", ["no user 'ann'", "no user 'b o b'", 'no user "e\\"ve"', "no user `x`"]),
        ("no user '…'", ["no user 'O'Brien'", "no user b'ann'", "no user “ann”"]),
        ("bounced from …", ["bounced from ann@example.com", "bounced from b.o+b@eu.example.org"]),
        (
            "order … is gone",
            [
                "order 21daffdf-c01f-8000-8000-020000000000 is gone",
                "order 6F9619FF-beef-face-dead-00CF4FC964FF is gone",
                "order 00042 is gone",
                "order 0xDEADBEEF is gone",
                "order 743df31 is gone",
                "order 7431312 is gone",
                "order facdeeb is gone",
                "order req_8Kq2LmNp0Xz1 is gone",
            ],
        ),
        (
            "late since …",
            [
                "late since 2026-11-24T10:00:00Z",
                "late since 2026-11-24 10:00:00,123",
                "late since 2026-11-24T10:00:00.123456+02:00",
                "late since Tue, 24 Nov 2026 10:00:00 GMT",
                "late since Tue Nov  3 22:40:09 2026",
                "late since 24/Nov/2026:10:00:00 +0000",
                "late since 2026-11-24",
                "late since 7:05 pm",
                "late since 1764020000123",
            ],
        ),
        ("ids […] are gone", ["ids [1, 2, 3] are gone", "ids [7] are gone"]),
        ("/spool/job-…/…/in.json", ["/spool/job-8412/7f/in.json", "/spool/job-9/a3c/in.json"]),
        ("a b", ["a\n  b", "a b", " a\tb "]),
    ],
)
def test_what_differs_each_time_is_left_out(errors: list[str], normal: str) -> None:
    assert {error: normalise_error(error) for error in errors} == dict.fromkeys(errors, normal)


@pytest.mark.parametrize(
    "error",
    [
        "connection refused",
        "can't open the file, don't ask",
        "decade of facade",
        "KeyError: internationalization",
        "std::bad_alloc in the users' list",
        "a dead-letter queue's well-known face",
        "",
    ],
)
def test_plain_words_stay(error: str) -> None:
    assert normalise_error(error) == error


def test_a_long_error_is_cut() -> None:
    assert len(normalise_error("word " * 10_000)) <= 500


def test_a_cut_does_not_tell_errors_apart() -> None:
    long = [f"{n} " * n + "rows in " + "word " * 200 for n in (3, 300)]
    assert (
        len(
            {
                normalise_error(error.replace(" ", ", ", n))
                for error, n in zip(long, (2, 299), strict=True)
            }
        )
        == 1
    )


SHAPES: list[Callable[[Random], str]] = [
    lambda r: (
        f"timeout after {r.uniform(0.1, 90):.{r.randint(0, 3)}f}{r.choice(['s', ' ms', 'm'])}"
        f" connecting to {_ip(r)}:{r.randint(1, 65535)}"
    ),
    lambda r: f"order {uuid.UUID(int=r.getrandbits(128))} not found in shard {r.randint(0, 999)}",
    lambda r: (
        f"[{_time(r)}] commit {r.getrandbits(28):07x} rejected: checksum 0x{r.getrandbits(32):X}"
    ),
    lambda r: f"KeyError: {''.join(r.choices(ascii_letters + ' _-./:@#', k=r.randint(0, 20)))!r}",
    lambda r: (
        f"can't open /var/spool/{r.randint(1, 10**6)}/{r.getrandbits(32):08x}/part-"
        f"{r.randint(0, 99999):05}.csv, it's locked by {r.randint(2, 99999)}"
    ),
    lambda r: (
        f'HTTP {r.randint(400, 599)} from "https://api-{r.randint(1, 9)}.example/{r.random()}"'
    ),
    lambda r: (
        f"batch {[r.randint(0, 10**5) for _ in range(r.randint(1, 9))]} is {r.randint(1, 999)}"
        f" {r.choice(['KiB', 'MiB', 'bytes'])} too large, retry in {_duration(r)}"
    ),
]


def _ip(random: Random) -> IPv4Address | str:
    bits = random.getrandbits(128)
    return IPv4Address(bits >> 96) if random.random() < 0.5 else f"[{IPv6Address(bits)}]"


def _time(random: Random) -> str:
    time = datetime.fromtimestamp(random.randint(0, 2**31), UTC)
    forms = ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S,%f", "%a, %d %b %Y %H:%M:%S GMT", "%c"]
    return time.strftime(random.choice(forms))


def _duration(random: Random) -> str:
    parts = [f"{random.randint(1, 59)}{unit}" for unit in ("h", "m", "s") if random.random() < 0.5]
    return random.choice(["", " "]).join(parts) or f"{random.randint(1, 9)} seconds"


def _letter(clock: ManualClock, error: str) -> Message:
    now = clock.wall()
    return Message(
        queue="graves", id=str(uuid.uuid4()), sequence=0, timestamp=now, message_group=None,
        priority=0, headers={}, key=None, value=b"x", deliveries=1, redelivered=False,
        state="ready", dead=Dead("emails@0", "rejected", now, 1, error, ()),
    )  # fmt: skip


def test_ten_thousand_dead_letters_of_seven_kinds_are_seven_groups(
    store: Store, clock: ManualClock
) -> None:
    store.create_queue("graves")
    random = Random(7)
    errors = [SHAPES[number % 7](random) for number in range(10_000)]
    store.restore_dead_letters("graves", [_letter(clock, error) for error in errors])
    groups = store.dead_letter_groups("graves", Field.ERROR)
    assert [group.count for group in groups] == [1429] * 4 + [1428] * 3, [g.value for g in groups]


@pytest.fixture
def graves(store: Store, clock: ManualClock) -> Store:
    """A store whose DLQ holds two timeouts of emails and, after them, a letter's rejection."""
    store.create_queue("graves")
    for queue, error in (("emails", "timeout after 3s"), ("letters", None)):
        store.create_queue(queue, dlq="graves")
        store.send_many(queue, [NewMessage(b"x")] * (2 if error else 1))
        for message in store.receive(queue, 9):
            clock.advance(1.0)
            store.reject([message.receipt or ""], error=error)
    return store


@pytest.mark.parametrize(
    ("field", "values"),
    [
        (Field.REASON, [("rejected", 3)]),
        (Field.SOURCE, [("emails", 2), ("letters", 1)]),
        (Field.ERROR, [("timeout after …", 2), (None, 1)]),
    ],
)
def test_the_largest_group_comes_first(
    graves: Store, field: Field, values: list[tuple[str | None, int]]
) -> None:
    groups = graves.dead_letter_groups("graves", field)
    assert [(group.value, group.count) for group in groups] == values


def test_a_group_tells_when_its_first_and_its_last_died(graves: Store) -> None:
    emails, letters = graves.dead_letter_groups("graves", Field.SOURCE)
    assert emails.last - emails.first == 1000
    assert letters.first == letters.last == emails.last + 1000


def test_what_is_not_chosen_is_not_counted(graves: Store) -> None:
    (group,) = graves.dead_letter_groups(
        "graves", Field.REASON, lambda letter: letter.dead is not None and not letter.dead.error
    )
    assert group.count == 1


def test_a_former_dlq_is_listed_while_it_holds_dead_letters(graves: Store) -> None:
    for queue in ("emails", "letters"):
        graves.alter_queue(queue, dlq=None, max_deliveries=None)
    (listed,) = graves.dead_letter_queues()
    assert (listed.name, listed.dead_letters, listed.sources) == ("graves", 3, ())
    graves.purge_queue("graves")
    assert graves.dead_letter_queues() == []


def test_a_queue_that_holds_dead_letters_does_not_stand_for_its_dlq(graves: Store) -> None:
    graves.create_queue("deeper")
    for queue in ("emails", "letters"):
        graves.alter_queue(queue, dlq="deeper")
    graves.alter_queue("graves", dlq="deeper")
    assert len(graves.dead_letters("graves")) == 3
