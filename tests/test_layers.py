"""What a start may cost; the import contracts are in pyproject.toml."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from store import NewMessage, Store

ROOT = Path(__file__).parents[1]
HEAVY = {"rich", "textual", "yaml", "sqlite_utils", "asyncio", "pydantic"}
# An engine's own package, which only its room imports.
OF_AN_ENGINE = {
    "store/rabbitmq": {"amqp"}, "store/kafka": {"confluent_kafka"}, "store/sqs": {"botocore"},
}  # fmt: skip
MAY_IMPORT = {"store": {"store"}, "tui": {"tui", "store"}, "mq": {"mq", "tui", "store"}}
MOST_FOREIGN_MODULES_AT_START = 170
# What a script calls in a loop: a module more costs it about 0.3 ms of CPU.
MOST_OWN_MODULES = {
    "produce events value": 54,
    "produce jobs value": 65,
    "consume events -n 1": 53,
    "receive jobs": 69,
    # One ack in sixteen also loads what notes how long its processing took.
    "ack": 57,
    "lag": 62,
}
OF_ENGINES = (
    "store.rabbitmq", "amqp", "store.kafka", "confluent_kafka", "store.sqs", "botocore",
    "http.client", "store.engine.places",
)  # fmt: skip
# A message to a server of RabbitMQ, up to the connection.
MOST_OWN_MODULES_OF_A_SEND = 63
NEVER_IN_A_SEND = (
    "http.client", "tomllib", "store.rabbitmq.management", "store.rabbitmq.receiving",
    "store.rabbitmq.settings", "store.model.dead_letters", "store.model.exchanges",
    "store.model.groups", "store.model.queues", "store.sqlite", "store.topology",
)  # fmt: skip
NEVER_HOT = (
    "store.advice",
    "store.topology.",
    "store.sqlite.operations.doctor.",
    "store.model.stalls",
)


def sources(layer: str) -> list[Path]:
    return sorted((ROOT / layer).rglob("*.py"))


def modules_of(layer: str) -> list[str]:
    names = (path.relative_to(ROOT).with_suffix("").parts for path in sources(layer))
    return [".".join(parts).removesuffix(".__init__") for parts in names]


def loaded_after(*modules: str) -> set[str]:
    """The modules that a new interpreter has loaded after importing these."""
    code = f"import sys, {', '.join(modules)}; print(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def imported_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [node.module or ""]
    return []


def imports_at_module_scope(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text()).body:
        yield from imported_names(node)


def test_the_store_loads_without_a_terminal() -> None:
    # The client of Kafka loads an event loop.
    with_loop = ("store.aio", "store.kafka")
    modules = [name for name in modules_of("store") if not name.startswith(with_loop)]

    assert not loaded_after(*modules) & (HEAVY | {"typer", "mq", "tui"})


@pytest.mark.parametrize("package", ["mq", "store"])
def test_importing_the_package_brings_nothing_heavy_and_no_command_line(package: str) -> None:
    assert not loaded_after(package) & (HEAVY | {"typer", "tui"})


def test_the_command_line_with_all_its_commands_loads_nothing_heavy() -> None:
    # A server has an event loop, and only `mq serve` loads it.
    modules = [name for name in modules_of("mq") if not name.startswith(("mq.serve", "mq.testing"))]

    loaded = loaded_after(*modules)
    assert not loaded & (HEAVY | {"tui"})
    assert not [name for name in loaded if name.startswith("mq.serve")]


def test_the_dashboard_knows_nothing_of_the_command_line() -> None:
    if modules := modules_of("tui"):
        assert not loaded_after(*modules) & {"typer", "mq"}


def _of_engine(path: Path) -> set[str]:
    return OF_AN_ENGINE.get(path.parent.relative_to(ROOT).as_posix(), set())


def test_the_store_needs_only_the_standard_library_at_module_scope() -> None:
    allowed = sys.stdlib_module_names | {"store"}
    wrong = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources("store")
        for name in imports_at_module_scope(path)
        if name.partition(".")[0] not in allowed | _of_engine(path)
    }
    assert not wrong


def test_starting_the_command_line_stays_within_its_bound() -> None:
    foreign = {m for m in loaded_after("mq.command_line") if m.partition(".")[0] not in MAY_IMPORT}
    assert len(foreign) <= MOST_FOREIGN_MODULES_AT_START


def test_typer_finds_the_annotations_of_commands_evaluated() -> None:
    # Strings it would compile four times each: a third of what building a command takes.
    asking = [path for path in sources("mq") if ".command()" in path.read_text()]
    strings = {p.name for p in asking if "__future__" in imports_at_module_scope(p)}
    assert len(asking) > 25
    assert strings <= {"__init__.py"}


@pytest.fixture(scope="module")
def store_to_read(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a record in `events`, which group `g` reads, and two messages in `jobs`."""
    path = tmp_path_factory.mktemp("start") / "store.db"
    with Store.open(path, create=True) as store:
        store.create_topic("events")
        store.produce("events", "value")
        store.create_group("g", topics=["events"])
        store.create_queue("jobs")
        store.send_many("jobs", [NewMessage("value"), NewMessage("value")])
    return path


def running(place: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A command, which ends with the names of all modules on stderr."""
    code = (
        "import sys; from mq.command_line import run; code = run(sys.argv[1:]);"
        " print(*sys.modules, file=sys.stderr); sys.exit(code)"
    )
    return subprocess.run(
        [sys.executable, "-c", code, "-s", place, *words],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("command", MOST_OWN_MODULES)
def test_a_command_that_scripts_repeat_loads_what_it_needs(
    command: str, store_to_read: Path
) -> None:
    words = command.split()
    if command == "ack":
        with Store.open(store_to_read) as store:
            words += [str(message.receipt) for message in store.receive("jobs")]
    done = running(str(store_to_read), *words)
    assert done.returncode == 0
    loaded = set(done.stderr.split())
    assert not [name for name in loaded if name.startswith(OF_ENGINES)]
    own = {name for name in loaded if name.partition(".")[0] in MAY_IMPORT}
    assert len(own) <= MOST_OWN_MODULES[command]
    assert not [module for module in own if module.startswith(NEVER_HOT)]


def test_a_send_to_a_server_loads_what_it_needs() -> None:
    done = running("rabbitmq://127.0.0.1:1/shop", "produce", "jobs", "value")
    assert done.returncode == 5
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "amqp" in loaded
    assert not [name for name in loaded if name.startswith(NEVER_IN_A_SEND)]
    own = {name for name in loaded if name.partition(".")[0] in MAY_IMPORT}
    assert len(own) <= MOST_OWN_MODULES_OF_A_SEND
