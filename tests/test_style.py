"""The house rules that a machine can check."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_LINES = 400
UNFINISHED = {"TODO", "FIXME", "XXX", "NotImplementedError"}
SQL = re.compile(r"\s*(select .+ from|insert into|update \w+ set|delete from) ", re.DOTALL)
# Written so that this file does not break its own rule.
MACHINE_PATH = re.compile(r"(?<![\w.$~-])/(?:work|tmp|farm|home|root|Users)/\w|\.\./shared")

VAGUE = re.compile(r"\b(whoever|somebody|nobody)\b", re.IGNORECASE)
RIDDLE = re.compile(r"(What|Who|Else|So many)\b")
# A docstring that begins so names a thing, where a function does something.
NO_VERB = {"A", "All", "An", "Every", "How", "Its", "One", "The", "Those", "When", "Where", "Which"}
NO_VERB |= {"Whether", "Why"}


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def source_files(*folders: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", python_files(*folders), ids=name_of)


@source_files("mq", "store", "tui", "tests")
def test_no_file_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@source_files("mq", "tui")
def test_sql_stands_in_the_store_only(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))

    assert list(sql_in(tree)) == []


@source_files("mq", "store", "tui")
def test_every_public_function_and_class_says_what_it_does(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))

    assert list(without_docstring(tree)) == []


@source_files("mq", "store", "tui")
def test_words_are_plain(path: Path) -> None:
    source = path.read_text(encoding="utf-8")

    assert [line for line in source.splitlines() if VAGUE.search(line)] == []
    assert list(riddles_in(source)) == []


@source_files("mq", "store", "tui", "tests")
def test_nothing_is_left_unfinished(path: Path) -> None:
    if path == Path(__file__):
        return
    words = set(re.findall(r"\w+", path.read_text(encoding="utf-8")))

    assert words & UNFINISHED == set()


@source_files("mq", "tui", "tests")
def test_nothing_sleeps_to_wait_for_something(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))

    assert list(sleeps_in(tree)) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    named = [
        f"{name_of(path)}:{number}"
        for path in text_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]

    assert named == []


def sql_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            if "sqlite3" in modules:
                yield f"line {node.lineno}: import of sqlite3"
        elif isinstance(node, ast.Constant) and SQL.match(str(node.value)):
            yield f"line {node.lineno}: {node.value!r}"


def without_docstring(tree: ast.Module) -> Iterator[str]:
    """Public functions, classes and their methods, not those inside functions."""
    bodies: list[ast.Module | ast.ClassDef] = [tree]
    while bodies:
        for node in bodies.pop().body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                if node.name.startswith("_"):
                    continue
                if ast.get_docstring(node) is None and not is_overload(node):
                    yield f"line {node.lineno}: {node.name}"
                if isinstance(node, ast.ClassDef):
                    bodies.append(node)


def riddles_in(source: str) -> Iterator[str]:
    """Texts that begin with a word after which a reader has to guess; functions without a verb."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node) or ""
            wants_verb = not isinstance(node, ast.Module | ast.ClassDef) and not is_property(node)
            if RIDDLE.match(text) or (wants_verb and text.partition(" ")[0] in NO_VERB):
                yield text
    before = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            line = token.start[0]
            if line != before + 1 and RIDDLE.match(token.string.lstrip("# ")):
                yield token.string
            before = line


def is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("property" in ast.unparse(decorator) for decorator in node.decorator_list)


def is_overload(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    return any(ast.unparse(decorator).endswith("overload") for decorator in node.decorator_list)


def sleeps_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "sleep"}:
            yield f"line {node.lineno}: {ast.unparse(node)}"


def text_files() -> Iterator[Path]:
    folders = ["mq", "store", "tui", "tests", "docs", "demos", "benchmarks", "configs", ".ci"]
    suffixes = {".py", ".md", ".sql", ".toml", ".yaml", ".tcss", ".sh", ""}
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            inside = path.relative_to(ROOT).parts
            is_made = {"venv", "rabbitmq.data", "kafka.data"} & set(inside)
            if path.is_file() and path.suffix in suffixes and not is_made:
                yield path
    yield from sorted(ROOT.glob("*.md"))
    yield ROOT / "pyproject.toml"
