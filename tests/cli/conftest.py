"""Runs mq as a person or a script would: as a process, in a pipe or on a terminal."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from mq.command_line import run
from store import NewMessage, NewRecord, Store

TIMEOUT = 120
MORNING = 1_767_323_045_000  # 2026-01-02T03:04:05Z
LAG_FIELDS = [
    "group",
    "topic",
    "partition",
    "committed",
    "end",
    "lag",
    "lag_seconds",
    "lag_bytes",
    "trend",
    "member",
    "state",
]


@dataclass(frozen=True)
class Run:
    """What a process of mq ended with."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    def is_refused(self, code: int) -> bool:
        """Whether it ended with the code, no data, one error line and at most one hint."""
        first, *rest = self.err.splitlines() or [""]
        return (
            (self.code, self.out) == (code, b"")
            and first.startswith("mq: error: ")
            and (not rest or (len(rest) == 1 and rest[0].startswith("hint: ")))
        )


RunMq = Callable[..., Run]


class Running:
    """A process of mq with pipes around it, not yet at its end."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        assert process.stdin
        assert process.stdout
        assert process.stderr
        self.stdin, self.stdout, self.stderr = process.stdin, process.stdout, process.stderr

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        """Send a signal, Ctrl-C's by default."""
        self.process.send_signal(number)

    def end(self) -> Run:
        """What is left to read, once it has ended; its stdin is closed first."""
        self.stdin.close()
        out = b"" if self.stdout.closed else self.stdout.read()
        return Run(self.process.wait(TIMEOUT), out, self.stderr.read().decode())


StartMq = Callable[..., Running]
Shell = Callable[[str], "subprocess.CompletedProcess[bytes]"]


def more_of(stream: IO[bytes], size: int = 1) -> bytes:
    """What comes next, up to so many bytes; fails at the end, where a loop would go round."""
    piece = stream.read(size)
    assert piece, "it ended before that came"
    return piece


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing of the person who runs the tests is seen."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [root, kept.get("PYTHONPATH")]))
    return kept | {
        "HOME": str(tmp_path / "home"),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": path,
        "TERM": "xterm",
        "COLUMNS": "80",
    }


@pytest.fixture
def run_mq(tmp_path: Path, environment: dict[str, str]) -> RunMq:
    """Run `mq WORDS…` in an empty folder, with pipes as stdin, stdout and stderr."""

    def run(*words: str, stdin: bytes = b"", **variables: str) -> Run:
        done = subprocess.run(
            [sys.executable, "-m", "mq", *words],
            input=stdin,
            capture_output=True,
            cwd=tmp_path,
            env=environment | variables,
            timeout=TIMEOUT,
        )
        return Run(done.returncode, done.stdout, done.stderr.decode())

    return run


@pytest.fixture
def run_mq_on_terminal(tmp_path: Path, environment: dict[str, str]) -> RunMq:
    """Run `mq WORDS…` on a terminal of its own; stdout and stderr both come back as `out`."""

    def run(*words: str, typed: str = "", **variables: str) -> Run:
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "mq", *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=tmp_path,
            env=environment | variables,
        ) as process:
            os.close(theirs)
            os.write(ours, typed.encode())
            shown = _read_all(ours)
            os.close(ours)
            code = process.wait(TIMEOUT)
        return Run(code, shown.replace(b"\r\n", b"\n"), "")

    return run


@pytest.fixture
def call_mq(
    tmp_path: Path,
    path: Path,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> RunMq:
    """Run `mq WORDS…` in this process, in an empty folder, on the test's store."""
    for name in ("XDG_DATA_HOME", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**environment, "MQ_STORE": str(path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Run:
        code = run(words)
        out, err = capfdbinary.readouterr()
        return Run(code, out, err.decode())

    return call


@pytest.fixture
def shell(tmp_path: Path, path: Path, environment: dict[str, str]) -> Shell:
    """Run a line of bash in the test's folder; `mq` is mq, on the test's store."""

    def run(line: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["bash", "-c", f'mq() {{ "{sys.executable}" -m mq "$@"; }}\n{line}'],
            capture_output=True,
            cwd=tmp_path,
            env=environment | {"MQ_STORE": str(path)},
            timeout=60,
        )

    return run


@pytest.fixture
def start_mq(tmp_path: Path, path: Path, environment: dict[str, str]) -> Iterator[StartMq]:
    """Start `mq WORDS…` on the test's store, pipes around it; at the end all are killed."""
    with ExitStack() as started:

        def start(*words: str, **variables: str) -> Running:
            process = subprocess.Popen(
                [sys.executable, "-m", "mq", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=tmp_path,
                env=environment | {"MQ_STORE": str(path)} | variables,
                # A test run in the background may have Ctrl-C ignored, and would hand that down.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
            started.enter_context(process)
            started.callback(process.kill)
            return Running(process)

        yield start


@pytest.fixture
def shop(path: Path) -> Iterator[Store]:
    """A store by this machine's clock, with ten records in each partition of orders, 0 to 2."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders", partitions=3)
        for number in range(3):
            store.produce_many(
                "orders",
                [NewRecord(b"%d" % n, key=f"k{n}", partition=number) for n in range(10)],
            )
        yield store


@pytest.fixture
def timed(path: Path) -> Store:
    """A topic `orders` with records 0 to 9, one a second from 2026-01-02T03:04:05Z on; closed."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders", retention=None)
        store.produce_many(
            "orders",
            [NewRecord(b"%d" % n, key=f"k{n}", timestamp=MORNING + 1000 * n) for n in range(10)],
        )
    return store


@pytest.fixture
def timed_three(path: Path) -> Store:
    """A topic `orders` whose records 0 to 8 went round three partitions, one a second; closed."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders", partitions=3, retention=None)
        store.produce_many(
            "orders",
            [NewRecord(b"%d" % n, partition=n % 3, timestamp=MORNING + 1000 * n) for n in range(9)],
        )
    return store


def _read_all(descriptor: int) -> bytes:
    parts = []
    # Linux says EIO, not the end, when the last process has left the terminal.
    with suppress(OSError):
        while part := os.read(descriptor, 1 << 16):
            parts.append(part)
    return b"".join(parts)


@pytest.fixture
def post(path: Path) -> Iterator[Store]:
    """A store with a standard queue emails, FIFO billing, and urgent with three priorities."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("emails")
        store.create_queue("billing", fifo=True)
        store.create_queue("urgent", priorities=3)
        yield store


@pytest.fixture
def full(post: Store) -> Store:
    """The same with a, b, c in emails: a leased for long, b ready, c delayed."""
    post.send_many(
        "emails",
        [NewMessage(b"a", key=b"k"), NewMessage(b"b"), NewMessage(b"c", delay=3600)],
    )
    post.receive("emails", lease=3600)
    return post
