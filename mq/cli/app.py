"""The root of the command line: every command by name, none imported before it is called."""

from typing import Annotated, Any

import typer

from mq.commands import Group, LazyCommand

_THINGS = "Things"
_DATA = "Data"
_OPERATIONS = "Operations"
# name: (module, panel, one line of help)
COMMANDS = {
    "init": ("mq.commands.store.init", _THINGS, "Create a store."),
    "topic": ("mq.commands.topic.app", _THINGS, "Create, list, show, alter, trim, compact topics."),
    "queue": ("mq.commands.queue.app", _THINGS, "Create, list, show, alter, purge, delete queues."),
    "share": (
        "mq.commands.share.app",
        _THINGS,
        "Work on a topic's records one by one, as on a queue.",
    ),
    "group": (
        "mq.commands.group.app",
        _THINGS,
        "Look at consumer groups, reset them, skip a record.",
    ),
    "lease": ("mq.commands.lease.app", _THINGS, "See who holds which message, and take it back."),
    "dlq": ("mq.commands.dlq.app", _THINGS, "Look at dead letters, send them back, undo that."),
    "exchange": (
        "mq.commands.exchange.app",
        _THINGS,
        "Create, list, show, alter, delete exchanges.",
    ),
    "bind": (
        "mq.commands.exchange.bind",
        _THINGS,
        "Lead an exchange to a queue, topic or exchange.",
    ),
    "unbind": ("mq.commands.exchange.unbind", _THINGS, "Undo a binding."),
    "binding": ("mq.commands.exchange.binding", _THINGS, "List bindings."),
    "route": (
        "mq.commands.exchange.route",
        _THINGS,
        "Show where a message would go, and why not elsewhere.",
    ),
    "produce": (
        "mq.commands.produce",
        _DATA,
        "Append records to a topic, send messages to a queue.",
    ),
    "publish": ("mq.commands.publish", _DATA, "Send messages wherever an exchange leads them."),
    "consume": (
        "mq.commands.consume",
        _DATA,
        "Read a topic, alone or as part of a group, or a queue.",
    ),
    "work": ("mq.commands.work", _DATA, "Run a command once per message; its exit code decides."),
    "pipe": ("mq.commands.pipe", _DATA, "Pass values through a command, exactly once."),
    "project": ("mq.commands.project", _DATA, "Keep a plain SQL table of a topic."),
    "peek": ("mq.commands.peek.peek", _DATA, "Look at records or messages; nothing is taken."),
    "receive": (
        "mq.commands.lease.receive",
        _DATA,
        "Lease messages of a queue or share; then ack them.",
    ),
    "ack": ("mq.commands.lease.ack", _DATA, "Say that received messages are done with."),
    "nack": (
        "mq.commands.lease.nack",
        _DATA,
        "Give received messages back, or refuse them for good.",
    ),
    "extend": ("mq.commands.lease.extend", _DATA, "Keep received messages for longer."),
    "plan": (
        "mq.commands.topology.plan",
        _OPERATIONS,
        "Show what applying topology files would do.",
    ),
    "apply": ("mq.commands.topology.apply", _OPERATIONS, "Make the store what topology files say."),
    "export": ("mq.commands.topology.export", _OPERATIONS, "Write the store as a topology file."),
    "import": (
        "mq.commands.topology.import_definitions",
        _OPERATIONS,
        "Turn a definitions file of RabbitMQ into a topology.",
    ),
    "validate": (
        "mq.commands.topology.validate",
        _OPERATIONS,
        "Check topology files, without a store.",
    ),
    "status": (
        "mq.commands.store.status",
        _OPERATIONS,
        "Show which store is used and what is in it.",
    ),
    "lag": (
        "mq.commands.operations.lag",
        _OPERATIONS,
        "Show how far each group and share is behind.",
    ),
    "advise": (
        "mq.commands.operations.advise",
        _OPERATIONS,
        "Judge whether a workload wants a log or a queue.",
    ),
    "dashboard": ("mq.commands.dashboard", _OPERATIONS, "Watch it all live, and end stalls."),
    "stalls": (
        "mq.commands.operations.stalls",
        _OPERATIONS,
        "Show what blocks what, why, and the way out.",
    ),
    "doctor": (
        "mq.commands.operations.doctor",
        _OPERATIONS,
        "Find what is wrong, and what mends it.",
    ),
    "metrics": (
        "mq.commands.operations.metrics",
        _OPERATIONS,
        "Write the store's state as OpenMetrics.",
    ),
    "verify": (
        "mq.commands.store.verify",
        _OPERATIONS,
        "Check every record and counter of the store.",
    ),
    "backup": ("mq.commands.store.backup", _OPERATIONS, "Copy the store while it is in use."),
    "restore": (
        "mq.commands.store.restore",
        _OPERATIONS,
        "Put a backup in the place of the store.",
    ),
    "salvage": (
        "mq.commands.store.salvage",
        _OPERATIONS,
        "Copy what is intact in a damaged store to a new one.",
    ),
    "vacuum": (
        "mq.commands.store.vacuum",
        _OPERATIONS,
        "Give unused space back to the file system.",
    ),
    "store": ("mq.commands.store.app", _OPERATIONS, "Show and change the settings of the store."),
    "bench": ("mq.commands.bench", _OPERATIONS, "Measure mq beside other queues on this machine."),
    "demo": ("mq.commands.demo", _OPERATIONS, "Tell a story on real data in a temporary folder."),
}


class RootGroup(Group):
    """`mq` itself: its commands are stand-ins until one of them is called."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        for name, (module, panel, help) in COMMANDS.items():
            self.add_command(LazyCommand(name, module, help, panel))


app = typer.Typer(
    name="mq",
    cls=RootGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from mq import __version__
        from mq.cli.context import current_context

        current_context().output.text(f"mq {__version__}")
        raise typer.Exit


@app.callback()
def mq(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Topics, queues and exchanges in one SQLite file, with no server."""
