"""`mq bench`: measure mq beside other queues, on this machine, in one run."""

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mq.cli.bundled import folder_of, load
from mq.cli.context import Context, current_context
from mq.cli.diagnostics import ExitCode
from mq.cli.output import Column, row_document
from mq.commands import SingleCommand
from store.model.errors import BadInput
from store.model.text import parse_size

if TYPE_CHECKING:
    from typing import Protocol

    class Latency(Protocol):
        """Microseconds of calls."""

        least: float
        median: float
        p95: float
        p99: float

    class Tick(Protocol):
        """The events of about a second."""

        elapsed: float
        contender: str
        workload: str
        sent: int
        received: int
        latency: Latency

    class Figure(Protocol):
        """One contender at one workload."""

        workload: str
        contender: str
        rate: float
        least: float
        most: float
        ratio: float | None
        latency: Latency
        waiting: int | None
        promise: str | None


app = SingleCommand()

_MOST_MESSAGES = 10_000_000
_FOLDER = "side_by_side"
_HEAD = (
    f"{'TIME':>7}  {'WHO':<17}{'WHAT':<24}{'SENT':>8}{'RECEIVED':>9}"
    f"{'MIN':>9}{'P50':>9}{'P95':>9}{'P99':>9}  microseconds a call"
)


@app.command()
def bench(
    peers: Annotated[
        str | None,
        typer.Option(metavar="NAME,…", help="Only these beside mq; 'none': mq alone."),
    ] = None,
    messages: Annotated[
        int,
        typer.Option(
            min=1_000,
            max=_MOST_MESSAGES,
            metavar="N",
            help="Messages per run; of a log ten times as many.",
        ),
    ] = 2_000,
    size: Annotated[str, typer.Option(metavar="SIZE", help="Size of each message.")] = "100",
    runs: Annotated[int, typer.Option(min=1, max=100, metavar="N", help="Number of runs.")] = 5,
    chart: Annotated[bool, typer.Option("--chart", help="The figures as bars.")] = False,
    chart_file: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="The bars in a file.")
    ] = None,
    goals: Annotated[
        bool, typer.Option("--goals", help="Check of the goals; exit 1 if one is missed.")
    ] = False,
) -> ExitCode:
    """Measure mq beside other queues on this machine, all in one run, in a temporary folder.

    Each is compared with the call of mq that promises the same: a message that is kept until its
    worker is done, or one that is deleted on receive; first with the default durability, full.
    Contenders take turns, so that each sees the same machine; rates are medians over the runs, a
    ratio is mq's rate as a multiple of the other's, beside as many waiting messages. What is not
    installed is named and skipped. Meanwhile a line a second tells on stderr what is going on.
    """
    context = current_context()
    measuring = load(folder_of("benchmarks") / _FOLDER, "measuring")
    workloads = load(folder_of("benchmarks") / _FOLDER, "workloads")
    kinds = (*measuring.QUEUES, *measuring.LOGS, *measuring.COMMANDS)
    known = {kind.name for kind in kinds}
    measurement = measuring.measure(
        _chosen(peers, known), workloads.Size(messages, parse_size(size)), runs, _Watcher(context)
    )
    figures = measurement.figures()
    for name, why in measurement.skipped.items():
        context.diagnostics.note(f"{name} skipped: {why}")
    verdicts = measurement.verdicts() if goals else []
    _write(context, figures, verdicts)
    _draw(context, figures, chart, chart_file, messages, size)
    return ExitCode.OK if all(verdict.is_met for verdict in verdicts) else ExitCode.FAILED


def _chosen(peers: str | None, known: set[str]) -> list[str] | None:
    if peers is None:
        return None
    names = [] if peers == "none" else peers.split(",")
    for name in names:
        if name not in known:
            raise BadInput(
                f"there is no contender {name!r}",
                hint="one or more of: " + ", ".join(sorted(known - {"mq"})),
            )
    return names


class _Watcher:
    """Writes a line about every second of the run."""

    def __init__(self, context: Context) -> None:
        self._diagnostics = context.diagnostics
        self._diagnostics.note(_HEAD)

    def __call__(self, tick: "Tick") -> None:
        found = tick.latency
        times = (found.least, found.median, found.p95, found.p99)
        self._diagnostics.note(
            f"{tick.elapsed:>6.0f}s  {tick.contender:<17}{tick.workload:<24}{tick.sent:>8}"
            f"{tick.received:>9}" + "".join(f"{time:>9.0f}" for time in times)
        )


def _rate(value: float) -> str:
    return f"{value:,.0f}"


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


_FIGURES: "list[Column[Figure]]" = [
    Column("workload", lambda row: row.workload),
    Column("contender", lambda row: row.contender),
    Column(
        "ratio",
        lambda row: None if row.ratio is None else round(row.ratio, 3),
        text=lambda row: "" if row.ratio is None else f"{row.ratio:.2f}",
        header="MQ IS",
        right=True,
    ),
    Column("rate", lambda row: round(row.rate), text=lambda row: _rate(row.rate), right=True),
    Column("rate_min", lambda row: round(row.least), text=lambda row: _rate(row.least),
           header="MIN", right=True),
    Column("rate_max", lambda row: round(row.most), text=lambda row: _rate(row.most),
           header="MAX", right=True),
    Column("p50_us", lambda row: round(row.latency.median, 1), header="P50 µs", right=True),
    Column("p95_us", lambda row: round(row.latency.p95, 1), header="P95 µs", right=True),
    Column("p99_us", lambda row: round(row.latency.p99, 1), header="P99 µs", right=True),
    Column("waiting", lambda row: row.waiting, text=lambda row: _count(row.waiting), right=True),
    Column("promise", lambda row: row.promise, text=lambda row: row.promise or ""),
]  # fmt: skip


def _write(context: Context, figures: "list[Figure]", verdicts: list[Any]) -> None:
    output = context.output
    if output.is_json:
        rows = [row_document(_FIGURES, row) for row in figures]
        output.document(
            {
                "machine": f"{platform.system()} {platform.machine()}",
                "python": platform.python_version(),
                "figures": rows,
                "goals": [_verdict_document(verdict) for verdict in verdicts],
            }
        )
        return
    output.listing(_FIGURES, figures)
    for verdict in verdicts:
        goal = verdict.goal
        waiting = "" if verdict.waiting is None else f" with {verdict.waiting:,} waiting"
        wanted = f", goal {goal.ratio:g}" if goal.ratio else ""
        word = ("met   " if verdict.is_met else "MISSED") if goal.ratio else "is    "
        context.diagnostics.note(
            f"{word} {goal.call}{waiting}: {verdict.ratio:.2f} times {goal.peer}{wanted}"
        )


def _verdict_document(verdict: Any) -> dict[str, Any]:
    goal = verdict.goal
    return {
        "workload": goal.workload,
        "peer": goal.peer,
        "goal": goal.ratio,
        "ratio": round(verdict.ratio, 3),
        "met": verdict.is_met,
        "waiting": verdict.waiting,
    }


def _draw(
    context: Context,
    figures: "list[Figure]",
    chart: bool,
    file: Path | None,
    messages: int,
    size: str,
) -> None:
    drawing = load(folder_of("benchmarks") / _FOLDER, "chart")
    if chart and not context.output.is_json:
        for line in drawing.in_terminal(figures):
            context.output.text(line)
    if file is not None:
        note = (
            f"messages a second, {messages:,} messages of {size} bytes; each group to its own scale"
        )
        file.write_text(drawing.as_svg(figures, note), encoding="utf-8")
