"""`mq consume QUEUE | head`: only what the reader took is settled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq, Shell, StartMq

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the size of a pipe can't be set")


@pytest.fixture
def numbers(path: Path) -> Path:
    """A queue `numbers` with 300 messages, 0 to 299; closed."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("numbers")
        store.send_many("numbers", [str(n) for n in range(300)])
    return path


def left(path: Path) -> list[bytes | None]:
    with Store.open(path) as store:
        status = store.queue("numbers")
        assert status.leased == 0
        return [message.value for message in store.messages("numbers", -1, 1000)]


def test_head_takes_its_lines_and_leaves_the_rest_in_the_queue(shell: Shell, numbers: Path) -> None:
    done = shell('mq consume numbers | head -n 3; echo "${PIPESTATUS[0]}"')

    assert done.stdout == b"0\n1\n2\n141\n"
    assert left(numbers)[0] == b"3"
    assert len(left(numbers)) == 297


def test_a_reader_that_takes_all_gets_all(shell: Shell, numbers: Path) -> None:
    assert shell("mq consume numbers | wc -l").stdout.strip() == b"300"
    assert left(numbers) == []


def test_the_shell_reads_one_line_and_so_takes_one_message(shell: Shell, numbers: Path) -> None:
    assert shell("mq consume numbers | (read -r line; echo $line)").stdout == b"0\n"
    assert left(numbers)[0] == b"1"


def test_a_message_larger_than_the_pipe_is_taken_whole_or_not_at_all(
    shell: Shell, path: Path
) -> None:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("numbers")
        store.send_many("numbers", ["a" * 100_000, "b" * 100_000])

    assert shell("mq consume numbers | head -c 50000 | wc -c").stdout.strip() == b"50000"
    assert len(left(path)) == 2


def test_a_reader_that_reads_once_it_has_ended_gets_all(start_mq: StartMq, numbers: Path) -> None:
    reader = start_mq("consume", "numbers")
    assert reader.process.wait(60) == 0

    assert len(reader.end().out.splitlines()) == 300
    assert left(numbers) == []


def test_with_auto_ack_nothing_waits_for_the_reader(shell: Shell, numbers: Path) -> None:
    shell("mq consume numbers --auto-ack | head -n 3")

    assert len(left(numbers)) < 297


def test_into_a_file_it_writes_as_fast_as_it_can(
    run_mq: RunMq, numbers: Path, tmp_path: Path
) -> None:
    with (tmp_path / "out").open("wb") as file:
        words = [sys.executable, "-m", "mq", "-s", str(numbers), "consume", "numbers"]
        subprocess.run(words, stdout=file, check=True, env=os.environ)

    assert len((tmp_path / "out").read_bytes().splitlines()) == 300
