"""The house rules that a machine can check."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHIPPED = ("mq", "store", "tui")
ALL = (*SHIPPED, "tests")
MOST_LINES = 400
UNFINISHED = {"TODO", "FIXME", "XXX", "NotImplementedError"}
SQL = re.compile(r"\s*(select .+ from|insert into|update \w+ set|delete from) ", re.DOTALL)
# Written so that this file does not break its own rule.
MACHINE_PATH = re.compile(r"(?<![\w.$~-])/(?:work|tmp|farm|home|root|Users)/\w|\.\./shared")

VAGUE = re.compile(r"\b(whoever|somebody|nobody)\b", re.IGNORECASE)
RIDDLE = re.compile(r"(What|Who|Else|So many)\b")
RIDDLE_AFTER_HASH = re.compile(f"#[# ]*{RIDDLE.pattern}")
# A docstring that begins so names a thing, where a function does something.
NO_VERB = {"A", "All", "An", "Every", "How", "Its", "One", "The", "Those", "When", "Where", "Which"}
NO_VERB |= {"Whether", "Why"}


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def source_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def tree_of(path: Path) -> ast.Module:
    return ast.parse(source_of(path))


def places(find: Callable[[Path], Iterable[str]], *folders: str) -> list[str]:
    """All that is found in the source files of the folders, each with its file."""
    return [f"{name_of(path)}: {text}" for path in python_files(*folders) for text in find(path)]


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {name_of(p): source_of(p).count("\n") for p in python_files(*ALL)}

    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_sql_stands_in_the_store_only() -> None:
    assert places(lambda path: sql_in(tree_of(path)), "mq", "tui") == []


def test_every_public_function_and_class_says_what_it_does() -> None:
    assert places(lambda path: without_docstring(tree_of(path)), *SHIPPED) == []


def test_words_are_plain() -> None:
    assert places(vague_lines_in, *SHIPPED) == []
    assert places(riddles_in, *SHIPPED) == []


def test_nothing_is_left_unfinished() -> None:
    def unfinished_in(path: Path) -> set[str]:
        # This file names the words.
        words = set() if path == Path(__file__) else set(re.findall(r"\w+", source_of(path)))
        return words & UNFINISHED

    assert places(unfinished_in, *ALL) == []


def test_nothing_sleeps_to_wait_for_something() -> None:
    def sleeps(path: Path) -> Iterable[str]:
        return sleeps_in(tree_of(path)) if "sleep(" in source_of(path) else ()

    assert places(sleeps, "mq", "tui", "tests") == []


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


def vague_lines_in(path: Path) -> list[str]:
    return [line for line in source_of(path).splitlines() if VAGUE.search(line)]


def riddles_in(path: Path) -> Iterator[str]:
    """Texts that begin with a word after which a reader has to guess; functions without a verb."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node) or ""
            wants_verb = not isinstance(node, ast.Module | ast.ClassDef) and not is_property(node)
            if RIDDLE.match(text) or (wants_verb and text.partition(" ")[0] in NO_VERB):
                yield text
    if not RIDDLE_AFTER_HASH.search(source_of(path)):
        return
    before = 0
    for token in tokenize.generate_tokens(io.StringIO(source_of(path)).readline):
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
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name("sleep") | ast.Attribute(ast.Name("time"), "sleep"):
                yield f"line {node.lineno}: {ast.unparse(node)}"


def text_files() -> Iterator[Path]:
    folders = ["mq", "store", "tui", "tests", "docs", "demos", "benchmarks", "configs", ".ci"]
    suffixes = {".py", ".md", ".sql", ".toml", ".yaml", ".tcss", ".sh", ""}
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            inside = path.relative_to(ROOT).parts
            is_made = {"venv", "rabbitmq.data", "kafka.data", "node"} & set(inside)
            if path.is_file() and path.suffix in suffixes and not is_made:
                yield path
    yield from sorted(ROOT.glob("*.md"))
    yield ROOT / "pyproject.toml"
