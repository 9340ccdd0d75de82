"""mq in pipes: between processes, through closed pipes, and back in again byte by byte."""

from __future__ import annotations

import fcntl
import struct
import sys
import termios
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from store import NewRecord, Record, Store
from store.model.topics import Headers

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq, Shell, StartMq

PATIENCE = 60.0
SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ, on Linux


@pytest.fixture
def lines(path: Path) -> Path:
    """A topic `lines` with 20,000 records of nine digits each; closed."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("lines")
        for start in range(0, 20_000, 10_000):
            store.produce_many("lines", [NewRecord(b"%09d" % (start + n)) for n in range(10_000)])
    return path


def committed(path: Path, group: str = "g") -> int | None:
    with Store.open(path) as store:
        return store.lag(group)[0].committed


def read_all(path: Path, topic: str) -> list[Record]:
    with Store.open(path) as store:
        partitions = store.topic(topic).partitions
        return [record for p in partitions for record in store.read(topic, p.partition)]


def waiting_bytes(pipe: Any) -> int:
    """How many bytes stand in a pipe, to be read."""
    return int(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0])


class TestAClosedPipe:
    def test_head_takes_its_line_and_mq_ends_quietly_with_141(
        self, shell: Shell, lines: Path
    ) -> None:
        done = shell('mq consume lines -g g | head -1; echo "${PIPESTATUS[0]}"')

        assert done.stdout == b"000000000\n141\n"
        assert done.stderr == b""

    @pytest.mark.skipif(sys.platform != "linux", reason="the size of a pipe can't be set")
    def test_what_is_committed_is_what_was_written_whole_into_the_pipe(
        self, start_mq: StartMq, lines: Path
    ) -> None:
        reader = start_mq("consume", "lines", "-g", "g", "-f")
        fcntl.fcntl(reader.stdout, SET_PIPE_SIZE, 4096)
        assert reader.stdout.readline() == b"000000000\n"
        deadline = monotonic() + PATIENCE
        written = -1
        # Once it has filled the pipe it waits; then the amount no longer changes.
        while (now := waiting_bytes(reader.stdout)) != written or now < 2048:
            assert monotonic() < deadline
            written = now
            Event().wait(0.1)

        reader.stdout.close()
        run = reader.end()

        assert (run.code, run.err) == (141, "")
        assert written % 10 == 0
        assert committed(lines) == 1 + written // 10

    def test_the_next_member_goes_on_after_what_was_committed(
        self, shell: Shell, call_mq: RunMq, lines: Path
    ) -> None:
        shell("mq consume lines -g g | head -1")
        place = committed(lines)

        run = call_mq("consume", "lines", "-g", "g", "-n", "1")

        assert place is not None
        assert run.text == f"{place:09}\n"

    @pytest.mark.parametrize(
        "words", ["consume lines", "peek lines -n 20000", "consume lines --json"]
    )
    def test_every_reading_command_ends_quietly(
        self, shell: Shell, lines: Path, words: str
    ) -> None:
        done = shell(f'mq {words} | head -1 > /dev/null; echo "${{PIPESTATUS[0]}}"')

        assert (done.stdout, done.stderr) == (b"141\n", b"")

    def test_a_full_disk_behind_stdout_is_an_error_and_commits_no_more_than_was_written(
        self, shell: Shell, lines: Path
    ) -> None:
        done = shell("mq consume lines -g g > /dev/full")

        assert done.returncode == 1
        assert done.stderr == b"mq: error: standard output: No space left on device\n"
        assert committed(lines) is None

    @pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full"])
    @pytest.mark.parametrize(("words", "code"), [("publish e v", 0), ("topic show nowhere", 3)])
    def test_a_stderr_that_takes_nothing_leaves_the_exit_code(
        self, shell: Shell, path: Path, words: str, code: int, stderr: str
    ) -> None:
        with Store.open(path, create=True) as store:
            store.create_exchange("e", "fanout")

        assert shell(f"mq {words} {stderr}").returncode == code

    def test_a_help_that_can_not_be_written_ends_with_1(self, shell: Shell) -> None:
        assert shell("mq --help > /dev/full").returncode == 1

    def test_a_pipe_that_another_process_made_non_blocking_gets_a_listing_whole(
        self, shell: Shell, lines: Path
    ) -> None:
        never_waits = f'"{sys.executable}" -c "import os; os.set_blocking(1, False)"'

        done = shell(f"{{ {never_waits}; mq peek lines -n 20000 --no-header; }} | wc -l")

        assert (done.stdout.strip(), done.stderr) == (b"20000", b"")


@pytest.mark.parametrize(
    "words", ["topic show", "consume lines --member x -g", "dlq redrive", "produce lines x -H"]
)
def test_an_argument_that_is_not_text_is_bad_input(shell: Shell, lines: Path, words: str) -> None:
    done = shell(rf"mq {words} $'\xff'")

    assert done.returncode == 2
    assert b"not usable as text: '\\udcff'" in done.stderr or b"not valid text" in done.stderr


class TestRoundTrip:
    @pytest.fixture
    def odd(self, path: Path) -> Path:
        """A topic `odd` of three partitions with everything that a record can be; closed."""
        contents: list[bytes | None] = [
            None, b"", b"text", "ümlaut \u2028 \U0001f600".encode(), b"\n", b"\0", b"\x7f\x1b",
            b"\xff\xfe", bytes(range(256)), b'{"a": [1, 2.50, 1e400, "x"]}', b"null", b'"', b"\\",
        ]  # fmt: skip
        headers: Headers = {"text": "x\n\u202e", "n": 1, "f": 1.5, "t": True, "none": None, "": ""}
        with Store.open(path, create=True, durability="normal") as store:
            for topic in ("odd", "copy"):
                store.create_topic(topic, partitions=3)
            store.create_topic("one")
            store.produce_many(
                "odd",
                [
                    NewRecord(value, key, headers if number % 2 else None, partition=number % 3)
                    for number, (value, key) in enumerate(
                        (value, key) for value in contents for key in contents
                    )
                ],
            )
        return path

    def test_ndjson_out_and_in_again_copies_byte_by_byte(self, shell: Shell, odd: Path) -> None:
        done = shell("mq consume odd -o ndjson | mq produce copy --framing ndjson")

        assert (done.returncode, done.stderr) == (0, b"")
        assert [
            (r.partition, r.offset, r.timestamp, r.key, r.headers, r.value)
            for r in read_all(odd, "copy")
        ] == [
            (r.partition, r.offset, r.timestamp, r.key, r.headers, r.value)
            for r in read_all(odd, "odd")
        ]

    def test_a_topic_with_fewer_partitions_takes_every_record_too(
        self, shell: Shell, odd: Path
    ) -> None:
        done = shell("mq consume odd -o ndjson | mq produce one --framing ndjson")

        def contents(topic: str) -> list[tuple[bytes | None, bytes | None]]:
            return sorted(
                ((r.key, r.value) for r in read_all(odd, topic)),
                key=lambda pair: [(part is not None, part or b"") for part in pair],
            )

        assert done.returncode == 0
        assert contents("one") == contents("odd")

    def test_values_without_newlines_survive_lines(self, shell: Shell, lines: Path) -> None:
        done = shell("mq topic create copy && mq consume lines | mq produce copy")

        assert (done.returncode, done.stderr) == (0, b"")
        assert shell("cmp <(mq consume lines) <(mq consume copy)").returncode == 0

    def test_values_with_newlines_survive_nul(self, shell: Shell, path: Path) -> None:
        with Store.open(path, create=True) as store:
            store.create_topic("notes")
            store.create_topic("copy")
            store.produce_many("notes", [NewRecord("a\nb"), NewRecord(""), NewRecord("c\n")])

        shell(r"mq consume notes -F '%s\x00' | mq produce copy --framing nul")

        assert [record.value for record in read_all(path, "copy")] == [b"a\nb", b"", b"c\n"]

    def test_keys_survive_a_delimiter(self, shell: Shell, path: Path) -> None:
        with Store.open(path, create=True) as store:
            store.create_topic("pairs")
            store.create_topic("copy")
            store.produce("pairs", "v", key="k")

        shell(r"mq consume pairs -F '%k\t%s\n' | mq produce copy -K '\t'")

        assert [(record.key, record.value) for record in read_all(path, "copy")] == [(b"k", b"v")]


def test_what_one_process_produces_another_follows(start_mq: StartMq, path: Path) -> None:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders")
    producer = start_mq("produce", "orders")
    follower = start_mq("consume", "orders", "-f", "-g", "g")

    for number in range(20):
        producer.stdin.write(b"%d\n" % number)
        assert follower.stdout.readline() == b"%d\n" % number


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("produce lines", b"mq: error: stdin is closed"),
        ("ack -", b"mq: error: stdin is closed"),
        ("plan -", b"mq: error: stdin is closed"),
        ("import -", b"mq: error: stdin is closed"),
        ("group reset g --from-file -", b"mq: error: stdin is closed"),
        ("topic delete lines", b"mq: error: no terminal to ask on: "),
        ("dashboard", b"mq: error: the dashboard needs a terminal"),
    ],
)
def test_a_closed_stdin_is_refused_and_not_an_empty_input(
    shell: Shell, path: Path, command: str, said: bytes
) -> None:
    with Store.open(path, create=True) as store:
        store.create_topic("lines")
        store.create_group("g", topics=["lines"])

    done = shell(f"mq {command} <&-")

    assert (done.returncode, done.stderr[: len(said)]) == (2, said)


def test_a_chain_of_followers_passes_records_on_as_they_come(
    start_mq: StartMq, call_mq: RunMq, path: Path
) -> None:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("first")
        store.create_topic("second")
    first = start_mq("consume", "first", "-f")
    producer = start_mq("produce", "second")
    second = start_mq("consume", "second", "-f")

    for value in ("a", "b", "c"):
        call_mq("produce", "first", value)
        producer.stdin.write(first.stdout.readline())
        assert second.stdout.readline() == f"{value}\n".encode()


def test_input_larger_than_memory_may_hold_passes_in_small_batches(
    shell: Shell, path: Path
) -> None:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("lines")

    done = shell(
        "head -c 300000000 /dev/zero | tr '\\0' 'x' | fold -w 1000000"
        " | (ulimit -v 400000; mq produce lines)"
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert len(read_all(path, "lines")) == 300
