"""`mq serve` under boto3, beside moto's server and, with $ELASTICMQ_JAR, ElasticMQ.

    python benchmarks/serve_sqs.py [--calls N] [--backlog N] [--polls N] [--seconds S] [CLIENTS …]

For each server and number of clients, each a process with boto3: messages a second, milliseconds
of CPU that the server takes for one, and those of its client. Then, of mq alone: a receive with its
delete over a backlog, as a multiple of one from a short queue; the CPU and the memory that idle
long polls take, and how soon one wakes at a send; and `mq produce` beside a server under load. Over
the limit (0.6 of the client's CPU, 1.5 times, 1 % of a core and 50 MB, 20 ms, 50 ms) is a fault,
and the exit status says so.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter, process_time
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import harness

from store import Store

BODY = "x" * 100
MOTO_CALLS = 100
CALLS = {"send": 1, "receive + delete": 1, "send x10": 10, "receive + delete x10": 10}
MOST_OF_CLIENT, MOST_OF_EMPTY = 0.6, 1.5
MOST_IDLE, MOST_MEGABYTES, MOST_WAKEUP, MOST_PRODUCE = 0.01, 50.0, 20.0, 50.0


@dataclass(frozen=True)
class Row:
    """A figure of a server, and the most that it may be."""

    server: str
    figure: str
    clients: int
    value: float
    unit: str
    server_ms: float | None = None
    client_ms: float | None = None
    ratio: float | None = None
    most: float | None = None

    @property
    def is_fault(self) -> bool:
        """Whether it is over its limit."""
        judged = self.value if self.ratio is None else self.ratio
        return self.most is not None and judged > self.most


@dataclass(frozen=True)
class Server:
    """A server that listens: its process and its address."""

    name: str
    pid: int
    url: str
    path: Path | None = None


def client_of(url: str) -> Any:
    """A client of boto3 that gives a slow server time."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "sqs", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test",
        aws_secret_access_key="test", config=Config(read_timeout=120),
    )  # fmt: skip


def call(client: Any, queue: str, name: str) -> None:
    """Make one call, or a pair of calls, by its name."""
    most = CALLS[name]
    if name == "send":
        client.send_message(QueueUrl=queue, MessageBody=BODY)
    elif name == "send x10":
        entries = [{"Id": str(number), "MessageBody": BODY} for number in range(most)]
        client.send_message_batch(QueueUrl=queue, Entries=entries)
    else:
        got = client.receive_message(QueueUrl=queue, MaxNumberOfMessages=most)["Messages"]
        handles = [message["ReceiptHandle"] for message in got]
        if most == 1:
            client.delete_message(QueueUrl=queue, ReceiptHandle=handles[0])
            return
        named = [{"Id": str(n), "ReceiptHandle": handle} for n, handle in enumerate(handles)]
        client.delete_message_batch(QueueUrl=queue, Entries=named)


def act_as_client(url: str, queue: str, name: str, calls: int) -> None:
    """Wait for a line, make calls, and say how much CPU they took."""
    client = client_of(url)
    client.get_queue_url(QueueName=queue)
    print("ready", flush=True)
    sys.stdin.readline()
    began = process_time()
    for _ in range(calls):
        call(client, queue, name)
    print(process_time() - began, flush=True)


@contextmanager
def clients(count: int, *words: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are clients, all of them ready."""
    command = [sys.executable, __file__, "--client", *words]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    for each in running:
        assert each.stdout is not None
        each.stdout.readline()
    try:
        yield running
    finally:
        for each in running:
            each.kill()
            each.wait()


def measure_calls(server: Server, count: int, calls: int) -> Iterator[Row]:
    """Let clients make each call in turn; what was sent before is received after."""
    client_of(server.url).create_queue(QueueName="jobs")
    for name, messages in CALLS.items():
        each = max(2, calls // count // (5 if messages > 1 else 1))
        with clients(count, server.url, "jobs", name, str(each)) as running:
            cpu, began = harness.cpu_seconds(server.pid), monotonic()
            for client in running:
                print(file=client.stdin, flush=True)
            # One after another is right: each is asked for what it has said by then.
            spent = sum(float((client.stdout or sys.stdin).readline()) for client in running)
            took = monotonic() - began
            cpu = harness.cpu_seconds(server.pid) - cpu
        total = each * count * messages
        yield Row(
            server.name, name, count, round(total / took, 1), "messages/s",
            round(cpu / total * 1000, 3), round(spent / total * 1000, 3),
            round(cpu / spent, 2), MOST_OF_CLIENT if server.name == "mq" else None,
        )  # fmt: skip


@contextmanager
def mq_server(path: Path) -> Iterator[Server]:
    """`mq serve` on a store with durability full."""
    ports = path.with_suffix(".ports")
    words = ["-s", str(path), "serve", "--sqs", "0", "--port-file", str(ports)]
    with process([sys.executable, "-m", "mq", *words]) as running:
        wait_until(ports.exists)
        port = ports.read_text(encoding="utf-8").split()[1]
        yield Server("mq", running.pid, f"http://127.0.0.1:{port}", path)
    ports.unlink()


@contextmanager
def moto_server() -> Iterator[Server]:
    """Moto's server, which keeps everything in memory."""
    url = "http://127.0.0.1:9325"
    with process([sys.executable, "-m", "moto.server", "-p", "9325"]) as running:
        wait_until(lambda: answers(url))
        yield Server("moto", running.pid, url)


@contextmanager
def elasticmq_server(jar: str) -> Iterator[Server]:
    """ElasticMQ, which keeps everything in memory."""
    url = "http://127.0.0.1:9326"
    words = ["-Drest-sqs.bind-port=9326", "-Dnode-address.port=9326", "-jar", jar]
    with process(["java", *words]) as running:
        wait_until(lambda: answers(url))
        yield Server("elasticmq", running.pid, url)


@contextmanager
def process(words: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with the block."""
    quiet = subprocess.DEVNULL
    running = subprocess.Popen(words, stdout=quiet, stderr=quiet)
    try:
        yield running
    finally:
        running.terminate()
        running.wait()


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Look until something holds; a server that does not start is an error."""
    deadline = monotonic() + seconds
    while not holds():
        if monotonic() > deadline:
            raise TimeoutError("a server did not start")
        os.sched_yield()


def answers(url: str) -> bool:
    """Return whether a server answers, whatever it says."""
    try:
        urlopen(url).close()
    except URLError as error:
        return hasattr(error, "code")
    except OSError:
        return False
    return True


def measure_backlog(server: Server, backlog: int, calls: int) -> Row:
    """Receive and delete over a long backlog, and from a short queue, in turn."""
    assert server.path is not None
    with Store.open(server.path) as beside:
        for queue, messages in (("short", calls * 2), ("long", backlog)):
            beside.create_queue(queue)
            for first in range(0, messages, 10_000):
                beside.send_many(queue, [BODY] * min(10_000, messages - first))
    client = client_of(server.url)
    taken: dict[str, list[float]] = {"short": [], "long": []}
    for _ in range(calls):
        for queue, times in taken.items():
            began = perf_counter()
            call(client, queue, "receive + delete")
            times.append(perf_counter() - began)
    long, short = median(taken["long"]) * 1000, median(taken["short"]) * 1000
    return Row(
        "mq", f"receive + delete over {backlog:,}", 1, round(long, 2), "ms",
        ratio=round(long / short, 2), most=MOST_OF_EMPTY,
    )  # fmt: skip


async def poll(port: int, seconds: int) -> None:
    """Wait for a message on a connection of its own, until the answer is there."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    query = f"/0/idle?Action=ReceiveMessage&WaitTimeSeconds={seconds}"
    writer.write(f"GET {query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    await reader.read()
    writer.close()


async def measure_polls(server: Server, polls: int, seconds: float) -> list[Row]:
    """Let many receives wait; first nothing is sent, then a message for each of some."""
    assert server.path is not None
    port = int(server.url.rpartition(":")[2])
    with Store.open(server.path) as beside:
        beside.create_queue("idle")
        tasks = [asyncio.create_task(poll(port, 20)) for _ in range(polls)]
        await asyncio.sleep(1)
        cpu, began = harness.cpu_seconds(server.pid), monotonic()
        await asyncio.sleep(seconds)
        idle = (harness.cpu_seconds(server.pid) - cpu) / (monotonic() - began)
        pages = Path(f"/proc/{server.pid}/statm").read_text(encoding="utf-8").split()[1]
        waits = []
        for _ in range(min(20, polls)):
            began = monotonic()
            await asyncio.to_thread(beside.send, "idle", BODY)
            _, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            waits.append((monotonic() - began) * 1000)
            tasks = list(rest)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    megabytes = round(int(pages) * 4096 / 1e6, 1)
    return [
        Row("mq", "idle long polls", polls, round(idle, 4), "of a core", most=MOST_IDLE),
        Row("mq", "memory", polls, megabytes, "MB", most=MOST_MEGABYTES),
        Row("mq", "wake-up", polls, round(median(waits), 2), "ms", most=MOST_WAKEUP),
    ]


def measure_produce(server: Server, calls: int, count: int = 4) -> Row:
    """Send from another process while clients keep the server busy; the slowest in a hundred."""
    assert server.path is not None
    client_of(server.url).create_queue(QueueName="busy")
    with (
        Store.open(server.path) as beside,
        clients(count, server.url, "busy", "send x10", "1000000") as running,
    ):
        beside.create_queue("beside")
        for client in running:
            print(file=client.stdin, flush=True)
        times = []
        for _ in range(calls):
            began = perf_counter()
            beside.send("beside", BODY)
            times.append((perf_counter() - began) * 1000)
    slowest = sorted(times)[-max(1, len(times) // 100)]
    return Row("mq", "send beside it, p99", count, round(slowest, 1), "ms", most=MOST_PRODUCE)


def measure(calls: int, backlog: int, polls: int, seconds: float, counts: list[int]) -> list[Row]:
    """Measure each server in turn."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        Store.open(path, create=True).close()
        for count in counts:
            with mq_server(path) as server:
                rows += measure_calls(server, count, calls)
            with moto_server() as other:
                rows += measure_calls(other, count, min(calls, MOTO_CALLS))
            if jar := os.environ.get("ELASTICMQ_JAR"):
                with elasticmq_server(jar) as other:
                    rows += measure_calls(other, count, calls)
        with mq_server(path) as server:
            rows += asyncio.run(measure_polls(server, polls, seconds))
            rows.append(measure_backlog(server, backlog, max(2, calls // 5)))
            rows.append(measure_produce(server, max(20, calls)))
    return rows


def main() -> int:
    """Measure; return 1 where a figure is over its limit."""
    if sys.argv[1:2] == ["--client"]:
        url, queue, name, calls = sys.argv[2:]
        act_as_client(url, queue, name, int(calls))
        return 0
    parser = harness.options(__doc__)
    parser.add_argument("--calls", type=int, default=1000, help="how many by each client (1,000)")
    parser.add_argument("--backlog", type=int, default=100_000, help="messages waiting (100,000)")
    parser.add_argument("--polls", type=int, default=200, help="receives that wait (200)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long they wait (10)")
    parser.add_argument("clients", type=int, nargs="*", help="how many at a time (1 and 8)")
    given = parser.parse_args()
    where = harness.machine()
    rows = measure(given.calls, given.backlog, given.polls, given.seconds, given.clients or [1, 8])
    heads = ("server", "figure", "clients", "value", "unit", "server ms", "client ms", "ratio")
    lines = [
        (r.server, r.figure, r.clients, r.value, r.unit, r.server_ms, r.client_ms, r.ratio)
        for r in rows
    ]
    harness.publish(given, harness.columns(heads, lines), {"machine": where, "rows": rows})
    return int(any(row.is_fault for row in rows))


if __name__ == "__main__":
    sys.exit(main())
