"""Each table has one writer, or a few in one room: `Writes …` in the `__init__` of the room.

How its rows lie in the file stands in `layout`.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.test_style import name_of, python_files

ENGINE = Path(__file__).parents[1] / "store" / "sqlite"
# Upgrades know tables as they were; a salvage builds them anew from what is left of a file.
EXCEPTIONS = ("file.migrations", "damage.")
# They run for others what names a table when they are called, as `CALLS` shows.
HELPERS = {"file.settings", "file.transactions"}
CALLS = {"insert", "update", "insert_row", "insert_columns", "delete_rows"}
# They run for each message, where a call costs as much as what it would do.
SHIFT = {
    "leases.messages",
    "leases.receive",
    "leases.rows",
    "leases.runs",
    "leases.settle",
    "log.append",
    "log.topics",
    "queues.enqueue",
    "queues.receive",
    "queues.send",
}
PHYSICS = re.compile(r"(?:<<|>>) ?40\b|109951162777[56]|length\((?:\w+\.)?headers\)|- :records\)")
STATEMENT = re.compile(
    r"\b(?:insert(?:\s+or\s+\w+)?\s+into|replace\s+into|update(?:\s+or\s+\w+)?|delete\s+from)\s+"
    r"(mq_\w+|\{\w+(?:\.\w+)*\})",
    re.IGNORECASE,
)
DECLARED = re.compile(r"\b(mq_\w+) \(([\w., ]+)\)")


def test_each_table_is_written_where_its_room_says() -> None:
    assert written() == declared()


def test_each_table_is_written_in_one_room_only() -> None:
    rooms: dict[str, set[str]] = defaultdict(set)
    for path in sorted(ENGINE.rglob("__init__.py")):
        for table in declared_in(path):
            rooms[table].add(name_of(path))

    assert {table: names for table, names in rooms.items() if len(names) > 1} == {}


def test_each_table_of_the_schema_has_a_writer() -> None:
    schema = (ENGINE / "file" / "schema.sql").read_text(encoding="utf-8")

    assert set(re.findall(r"create table (mq_\w+)", schema)) == set(declared())


def test_how_rows_lie_in_the_file_is_written_in_one_place() -> None:
    layout = {"layout", "file.migrations"}
    sources = {module_of(path): path.read_text(encoding="utf-8") for path in python_files("store")}
    engine = {module: text for module, text in sources.items() if not module.startswith("store/")}

    assert {module for module, text in engine.items() if PHYSICS.search(text)} == layout
    assert {module for module, text in engine.items() if "OFFSET_" in text} == SHIFT | {"layout"}


def test_what_writes_is_recognised() -> None:
    source = (
        'tx.execute("insert or replace into mq_a (x) values (1)")\n'
        'tx.execute(f"delete from mq_b where {which}")\n'
        'tx.execute(f"update {table} set x = 1")\n'
        'tx.delete_rows("mq_c", ids)\n'
        'settings.update(tx, "mq_d", config)\n'
        'tx.rows("select x from mq_e")\n'
    )

    assert set(writes_of(source)) == {"mq_a", "mq_b", "{table}", "mq_c", "mq_d"}


def written() -> Mapping[str, set[str]]:
    """By table, the modules that write it."""
    writers: dict[str, set[str]] = defaultdict(set)
    for path in python_files("store"):
        module = module_of(path)
        if module.startswith(EXCEPTIONS) or module in HELPERS:
            continue
        for table in writes_of(path.read_text(encoding="utf-8")):
            writers[table].add(module)
    # `Write` has a statement of its own, beside those it runs for others.
    transactions = (ENGINE / "file" / "transactions.py").read_text(encoding="utf-8")
    for table in writes_of(transactions):
        if table.startswith("mq_"):
            writers[table].add("file.transactions")
    return writers


def module_of(path: Path) -> str:
    if not path.is_relative_to(ENGINE):
        return name_of(path)
    return ".".join(path.relative_to(ENGINE).with_suffix("").parts)


def writes_of(source: str) -> Iterator[str]:
    """The tables that statements and calls in a source write to, or `{name}` for any table."""
    tree = ast.parse(source)
    parts = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield from STATEMENT.findall("".join(map(text_of, node.values)))
        elif isinstance(node, ast.Constant) and id(node) not in parts:
            yield from STATEMENT.findall(str(node.value))
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in CALLS:
            for argument in node.args:
                if isinstance(argument, ast.Constant):
                    yield from re.findall(r"^mq_\w+$", str(argument.value))


def text_of(part: ast.expr) -> str:
    if isinstance(part, ast.FormattedValue):
        return f"{{{ast.unparse(part.value)}}}"
    return str(part.value) if isinstance(part, ast.Constant) else ""


def declared() -> Mapping[str, set[str]]:
    """By table, the modules that may write it, as the `__init__` of their room says."""
    writers: dict[str, set[str]] = {}
    for path in sorted(ENGINE.rglob("__init__.py")):
        writers |= declared_in(path)
    return writers


def declared_in(path: Path) -> dict[str, set[str]]:
    room = module_of(path.parent / "x").removesuffix("x")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return {
        table: {f"{room}{module}" for module in modules.split(", ")}
        for table, modules in DECLARED.findall(" ".join(text.split()))
    }
