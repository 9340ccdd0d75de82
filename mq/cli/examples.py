"""The examples in each `--help`, and the words with which `mq --help` begins.

It is imported only for a help text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typer._click import HelpFormatter

FIRST_STEPS = [
    ("mq demo", "a log, a queue and a stall, on real data"),
    ("mq topic create orders", "a log, which keeps its records; or mq queue create"),
    ("mq produce orders hello", "store a record, or each line of stdin"),
    ("mq consume orders", "print what is there; --follow waits for more"),
    ("mq status", "which file it is, its contents, and what is stuck"),
    ("mq dashboard", "all of it live"),
]
READERS = [
    ("peek", "looks; nothing is taken, committed or leased"),
    ("consume", "prints a topic, with -g as a group that goes on; empties a queue"),
    ("work", "runs a command for each message: exit 0 acknowledges"),
    ("receive", "leases a message with a receipt, for a script to ack or nack"),
    ("pipe", "passes batches through a filter, exactly once"),
]

# A line of the shell each, by the command that it shows.
EXAMPLES: dict[str, Sequence[str]] = {
    "mq init": ("mq init", "mq init --durability normal shop.db"),
    "mq migrate": (
        "mq migrate @prod",
        "mq migrate @prod --topic orders --group billing --apply",
        "MQ_STORE=@prod mq migrate shop.db --apply",
    ),
    "mq topic create": (
        "mq topic create orders -p 6 --retention 30d",
        "mq topic create customers --compact",
    ),
    "mq topic list": ("mq topic list", "mq topic list -o name"),
    "mq topic show": ("mq topic show orders", "mq topic show orders -o json"),
    "mq topic delete": ("mq topic delete orders --dry-run", "mq topic delete orders --yes"),
    "mq topic alter": (
        "mq topic alter orders --retention 90d",
        "mq topic alter orders --partitions 12 --dry-run",
    ),
    "mq topic trim": (
        "mq topic trim orders --before 7d --dry-run",
        "mq topic trim orders/2 --before 4711 --yes",
    ),
    "mq topic compact": ("mq topic compact customers",),
    "mq topic latest": ("mq topic latest customers", "mq topic latest customers --key 42"),
    "mq queue create": (
        "mq queue create mails.dlq",
        "mq queue create mails --dlq mails.dlq --retry-delays 5s,1m,10m",
        "mq queue create billing --fifo --dedup 5m",
    ),
    "mq queue list": ("mq queue list", "mq queue list -o json"),
    "mq queue show": ("mq queue show mails",),
    "mq queue delete": ("mq queue delete mails --dry-run", "mq queue delete mails --yes"),
    "mq queue purge": ("mq queue purge mails --dry-run", "mq queue purge mails --keep-leased"),
    "mq queue alter": (
        "mq queue alter mails --lease 2m",
        "mq queue alter mails --max-deliveries 3 --dlq mails.dlq",
    ),
    "mq share create": ("mq share create packers orders --lease 1m --max-deliveries 5",),
    "mq share list": ("mq share list",),
    "mq share show": ("mq share show packers",),
    "mq share alter": ("mq share alter packers --max-in-flight 500",),
    "mq share delete": ("mq share delete packers --yes",),
    "mq share reset": (
        "mq share reset packers --to earliest",
        "mq share reset packers --to 2h --apply",
    ),
    "mq share skip": ("mq share skip packers orders/2@4711",),
    "mq group create": ("mq group create billing --topic orders --max-lag 1000",),
    "mq group alter": ("mq group alter billing --max-lag-time 5m",),
    "mq group list": ("mq group list",),
    "mq group show": ("mq group show billing", "mq group show billing -o json"),
    "mq group members": ("mq group members billing",),
    "mq group delete": ("mq group delete billing --yes",),
    "mq group reset": (
        "mq group reset billing --topic orders --to 2026-01-31T09:00",
        "mq group reset billing --all-topics --by 2h --apply",
    ),
    "mq group skip": ("mq group skip billing orders/2@4711 --to-dlq orders.dlq",),
    "mq lease list": ("mq lease list", "mq lease list mails --expired"),
    "mq lease release": ("mq lease release mails@12",),
    "mq dlq list": ("mq dlq list",),
    "mq dlq peek": (
        "mq dlq peek mails --group-by error",
        "mq dlq peek mails --where 'error ~ timeout' -n 5",
    ),
    "mq dlq purge": ("mq dlq purge mails --where 'age > 7d' --dry-run",),
    "mq dlq redrive": (
        "mq dlq redrive mails --canary 3",
        "mq dlq redrive mails --where 'error ~ timeout' --rate 50/s",
    ),
    "mq dlq undo": ("mq dlq undo",),
    "mq dlq edit": ("mq dlq edit mails.dlq@12",),
    "mq dlq export": ("mq dlq export mails > letters.ndjson",),
    "mq dlq import": ("mq dlq import mails letters.ndjson",),
    "mq exchange create": (
        "mq exchange create events -t topic",
        "mq exchange create audit -t headers --alternate unrouted",
    ),
    "mq exchange list": ("mq exchange list",),
    "mq exchange show": ("mq exchange show events",),
    "mq exchange alter": ("mq exchange alter events --alternate unrouted",),
    "mq exchange delete": ("mq exchange delete events --yes",),
    "mq bind": (
        "mq bind events mails -k 'order.*.created'",
        "mq bind audit vault -H region=eu --match all",
    ),
    "mq unbind": ("mq unbind events mails -k 'order.*.created'",),
    "mq binding list": ("mq binding list", "mq binding list events"),
    "mq route": ("mq route events -k order.eu.created --explain",),
    "mq produce": (
        "mq produce orders 'one book' -k customer-7",
        "mq produce orders -f orders.ndjson --framing ndjson",
        "mq produce mails 'welcome' --delay 5m",
    ),
    "mq publish": ("mq publish events -k order.eu.created '{\"order\": 7}'",),
    "mq consume": (
        "mq consume orders --from -10 --follow",
        "mq consume orders -g billing -n 100",
        "mq consume orders --from yesterday --until 09:00 -o csv",
    ),
    "mq work": (
        "mq work mails --jobs 4 -- ./send-mail",
        "mq work orders -g billing --once -- ./charge",
    ),
    "mq pipe": ("mq pipe orders invoices -g invoicing -- jq -c '{order, total}'",),
    "mq project": ("mq project customers customer --pk id --follow",),
    "mq peek": (
        "mq peek orders --from -5",
        "mq peek orders/2@4711",
        "mq peek mails --state leased --where 'age > 10m'",
    ),
    "mq receive": ("mq receive mails --wait 20s", "mq receive packers -n 10 --lease 2m"),
    "mq ack": ("mq ack $(mq receive mails | jq -r .receipt)",),
    "mq nack": ("mq nack RECEIPT --delay 1m --error 'card declined'",),
    "mq extend": ("mq extend RECEIPT --for 10m",),
    "mq plan": ("mq plan shop.yaml", "mq plan shop.yaml --prune --exit-code"),
    "mq apply": ("mq apply shop.yaml", "mq apply shop.yaml --prune --yes"),
    "mq export": ("mq export > shop.yaml",),
    "mq import": ("mq import definitions.json > shop.yaml",),
    "mq validate": ("mq validate shop.yaml",),
    "mq list": ("mq list", "mq list topics"),
    "mq show": ("mq show orders",),
    "mq status": ("mq status", "mq status --watch 2s"),
    "mq features": ("mq features",),
    "mq lag": ("mq lag", "mq lag billing --over 5m --exit-code"),
    "mq advise": ("mq advise",),
    "mq dashboard": ("mq dashboard", "mq dashboard --read-only"),
    "mq stalls": ("mq stalls", "mq stalls --explain orders/2@4711"),
    "mq doctor": ("mq doctor --explain", "mq doctor shop.yaml"),
    "mq metrics": ("mq metrics", "mq metrics --to-file /var/lib/node_exporter/mq.prom"),
    "mq verify": ("mq verify",),
    "mq backup": ("mq backup shop-backup.db",),
    "mq restore": ("mq restore shop-backup.db",),
    "mq salvage": ("mq salvage broken.db new.db",),
    "mq vacuum": ("mq vacuum",),
    "mq store show": ("mq store show",),
    "mq store set": ("mq store set durability normal", "mq store set max_bytes 10GB"),
    "mq store accept": ("mq store accept",),
    "mq serve": (
        "mq serve --sqs",
        "mq serve --sqs 0 --port-file ports.txt",
    ),
    "mq bench": ("mq bench", "mq bench --goals"),
    "mq demo": ("mq demo", "mq demo --list", "mq demo presence"),
}


def write_first_steps(formatter: HelpFormatter) -> None:
    """Write the commands to start with, and which command reads for what."""
    with formatter.section("Start with"):
        formatter.write_dl(FIRST_STEPS)
    with formatter.section("To read"):
        formatter.write_dl(READERS)


def write_examples(path: str, formatter: HelpFormatter) -> None:
    """Write the examples of a command, as they are typed."""
    examples = EXAMPLES.get(path, ())
    if not examples:
        return
    with formatter.section("Examples"):
        for example in examples:
            formatter.write(f"{'':>{formatter.current_indent}}{example}\n")
