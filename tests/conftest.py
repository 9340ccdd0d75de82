"""What all tests share: a store on a real file, a clock that stands still, a watch on open()."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest

from store import NewRecord, Store
from store.model.clock import Clock, ManualClock
from store.sqlite.file import files
from store.sqlite.file.database import Database
from tests.support import rich_store
from tests.support.processes import hear, kill, start

if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
    # Thousands of processes are started, and each would compile all of its modules anew.
    compiled = Path(__file__).parents[1] / ".pytest_cache" / "bytecode"
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(compiled))

_open_databases: WeakSet[Database] = WeakSet()
_misdeeds: list[str] = []


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Three workers for two processors, as many tests wait; none for tests that are named."""
    if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return None
    if all("::" in argument for argument in config.args):
        return 0
    return (os.cpu_count() or 1) * 3 // 2 or 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the nightly tests out unless they were asked for by `-m`; begin with the groups."""
    if hasattr(config, "workerinput"):
        # A group stays with one worker: at the end the others would have nothing to do.
        items.sort(key=_turn_of)
    if config.getoption("markexpr"):
        return
    nightly = [item for item in items if item.get_closest_marker("nightly")]
    if nightly:
        config.hook.pytest_deselected(items=nightly)
        items[:] = [item for item in items if not item.get_closest_marker("nightly")]


def _turn_of(item: pytest.Item) -> int:
    group = item.get_closest_marker("xdist_group")
    if group is None:
        return 2
    # Those on a server that all share are the longest.
    return int("kafka" not in group.args)


@pytest.fixture(scope="session", autouse=True)
def _signals_as_from_a_terminal() -> None:
    # A run under nohup ignores SIGHUP, and the programs that tests start would too.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def _schema_is_written_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Copy the schema of each new store from one that was written whole.

    To write it is most of what an empty store costs, and each test has its own. Processes that
    tests start write it themselves.
    """
    written = tmp_path_factory.mktemp("schema") / "store.db"
    written.touch()
    write, statements = files._fill, files.schema_statements
    write(written, "full", ManualClock())

    def fill(draft: Path, durability: str, clock: Clock) -> None:
        if files.schema_statements is not statements:
            # The test has a schema of its own.
            write(draft, durability, clock)
            return
        shutil.copyfile(written, draft)
        with closing(sqlite3.connect(draft)) as connection, connection:
            connection.execute("pragma locking_mode = exclusive")
            connection.execute("pragma synchronous = off")
            connection.execute("delete from mq_store")
            connection.execute("delete from mq_clock")
            files._insert_first_rows(connection, durability, clock)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_fill", fill)
        yield


@pytest.fixture(scope="session", autouse=True)
def _watch_for_open() -> Iterator[None]:
    """Note every open() of a store's files by Python while this process has that store open.

    Closing such a descriptor would drop the locks that SQLite holds for the whole process.
    """
    connect, close = Database.read_only, Database.close

    def read_only(database: Database) -> Any:
        _open_databases.add(database)
        return connect(database)

    def closed(database: Database) -> None:
        _open_databases.discard(database)
        close(database)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "read_only", read_only)
        patch.setattr(Database, "close", closed)
        sys.addaudithook(_look_at)
        yield
        _open_databases.clear()


@pytest.fixture(autouse=True)
def _no_open_of_a_store_in_use(_watch_for_open: None) -> Iterator[None]:
    _misdeeds.clear()
    yield
    assert _misdeeds == [], "store files were opened by other means than SQLite"


def _look_at(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or not _open_databases or not isinstance(arguments[0], str | bytes):
        return
    opened = os.path.realpath(os.fsdecode(arguments[0]))
    for database in list(_open_databases):
        if opened in {f"{database.path}{suffix}" for suffix in ("", "-wal", "-shm")}:
            _misdeeds.append(opened)


Fail = Callable[..., dict[str, str]]


@pytest.fixture(scope="session")
def fault_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """faults.c, compiled; tests that need it are skipped where nothing compiles it."""
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    source = Path(__file__).parent / "support" / "faults.c"
    try:
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no C compiler for faults.c: {error}")
    return library


@pytest.fixture
def fail(fault_library: Path, path: Path) -> Fail:
    """The environment in which calls fail on files whose path holds the text; see faults.c."""

    def environment(
        call: str, error: int, files: str, number: int, rest: str = ""
    ) -> dict[str, str]:
        wish = f"{call}:{error}:{path.name}{files}:{number}{rest}"
        return {"LD_PRELOAD": str(fault_library), "MQ_FAULT": wish}

    return environment


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the test's store is, or will be."""
    return tmp_path / "store.db"


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still until the test moves it."""
    return ManualClock()


@pytest.fixture
def open_store(path: Path, clock: ManualClock) -> Iterator[Callable[..., Store]]:
    """Open the test's store once more, with its clock; all handles are closed at the end."""
    with ExitStack() as opened:

        def open_another(**settings: Any) -> Store:
            known: dict[str, Any] = {"create": True, "durability": "normal", "clock": clock}
            return opened.enter_context(Store.open(path, **known | settings))

        yield open_another


@pytest.fixture
def store(open_store: Callable[..., Store]) -> Store:
    """An open, empty store."""
    return open_store()


@pytest.fixture
def orders(store: Store) -> Store:
    """A store with the topic `orders`, one partition, ten records 0 to 9."""
    store.create_topic("orders")
    store.produce_many("orders", [NewRecord(b"%d" % n) for n in range(10)])
    return store


@pytest.fixture
def holder(orders: Store) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the write lock of the store."""
    with start("hold", orders.path) as process:
        assert hear(process) == "held"
        yield process
        kill(process)


@pytest.fixture
def read_three(orders: Store) -> Store:
    """A store whose group `billing` committed three records of ten, and left."""
    with orders.consumer("billing", ["orders"]) as consumer:
        consumer.poll(3, timeout=0)
        consumer.commit()
    return orders


@pytest.fixture(scope="session")
def rich_store_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which every table has rows."""
    path = tmp_path_factory.mktemp("rich") / "store.db"
    rich_store.make(path, ManualClock())
    return path


@pytest.fixture
def hurt(rich_store_file: Path, path: Path) -> Path:
    """A copy of a store in which every table has rows, to be damaged."""
    shutil.copy(rich_store_file, path)
    return path
