"""The manual says what is so: every command in it exists, and cli.md is what the commands say."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup, TyperOption

from mq.cli.examples import EXAMPLES
from mq.commands import ALIASES
from store import NewRecord, Store

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("demos/*/*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"-[a-zA-Z]|--[a-z]")


def load_generator() -> Any:
    spec = spec_from_file_location("generate_cli", ROOT / "docs" / "generate_cli.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()
COMMANDS: dict[str, Any] = dict(GENERATOR.commands())


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_page_of_commands_is_up_to_date() -> None:
    hint = "run: python docs/generate_cli.py"

    assert GENERATOR.TARGET.read_text(encoding="utf-8") == GENERATOR.page(), hint


def test_the_keys_of_topology_files_are_up_to_date() -> None:
    text = GENERATOR.TOPOLOGY.read_text(encoding="utf-8")

    assert text == GENERATOR.with_keys(text), "run: python docs/generate_cli.py"


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_and_every_option_has_help(path: str) -> None:
    command = COMMANDS[path]
    silent = [p.name for p in command.params if isinstance(p, TyperOption) and not p.help]

    assert command.help
    assert silent == []


@pytest.mark.parametrize("path", [p for p, c in COMMANDS.items() if not isinstance(c, TyperGroup)])
def test_every_command_has_an_example_of_itself(path: str) -> None:
    assert EXAMPLES[path]
    for example in EXAMPLES[path]:
        assert re.search(rf"\b{path}\b", example)
        assert len(example) <= 76


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_on_a_page_exists_with_its_options(page: Path) -> None:
    wrong = [line for line in command_lines(page.read_text(encoding="utf-8")) if unknown(line)]

    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_to_a_heading_finds_it(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text(encoding="utf-8"))
    targets = [(page.parent / path if path else page, anchor) for path, anchor in links]

    assert [(str(path), anchor) for path, anchor in targets if anchor not in anchors(path)] == []


def test_the_python_of_the_readme_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    exec(python_in(ROOT / "README.md"), {})

    assert capsys.readouterr().out == "orders/1@0 b'book'\nmails@0 b'book for ada'\n"


def test_the_consumer_of_the_concepts_writes_every_record_down_once(tmp_path: Path) -> None:
    with Store.open(tmp_path / "shop.db", create=True) as store:
        store.create_topic("orders")
        store.produce_many("orders", [NewRecord("book"), NewRecord("pen")])
        with store.transaction() as tx:
            tx.execute("create table ledger (address text unique, value blob)")

        exec(python_in(ROOT / "docs" / "concepts.md"), {"store": store})

        with store.transaction() as tx:
            assert tx.execute("select * from ledger") == [
                ("orders/0@0", b"book"),
                ("orders/0@1", b"pen"),
            ]
        assert [row.committed for row in store.lag("billing")] == [2]


def test_the_worker_of_the_concepts_does_what_was_sent_twice_once(tmp_path: Path) -> None:
    with Store.open(tmp_path / "shop.db", create=True) as store:
        store.create_queue("mails")
        for _ in range(2):
            store.send("mails", "book", headers={"order": "7"})
        with store.transaction() as tx:
            tx.execute("create table outbox (value blob)")

        exec(python_in(ROOT / "docs" / "concepts.md", 1), {"store": store})

        with store.transaction() as tx:
            assert tx.execute("select * from outbox") == [(b"book",)]
        assert store.messages("mails") == []


def test_the_asyncio_of_the_python_page_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    exec(python_in(ROOT / "docs" / "python.md"), {})

    assert capsys.readouterr().out == "orders/0@0 b'book'\n"
    with Store.open("shop.db") as store:
        assert store.queue("mails").ready == 1
        assert [row.committed for row in store.lag("billing")] == [1]


def test_the_buffer_of_the_python_page_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    exec(python_in(ROOT / "docs" / "python.md", 1), {})

    assert capsys.readouterr().out == "10000\n"


def test_continuous_integration_runs_the_test_line_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert ".venv/bin/python -m pytest\n" in readme
    assert ".ci/venv/bin/python -m pytest\n" in steps


def python_in(page: Path, number: int = 0) -> str:
    """A block of Python on a page, the first one if no other is asked for."""
    blocks = FENCE.findall(page.read_text(encoding="utf-8"))
    found: list[str] = [text for language, text in blocks if language == "python"]
    return found[number]


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in links, as forges make it of their text."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def command_lines(text: str) -> Iterator[str]:
    """The uses of mq in code blocks and inline code, one simple command each."""
    for language, block in FENCE.findall(text):
        if language == "console":
            lines = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
        else:
            lines = block.splitlines()
        for line in lines:
            yield from simple_commands(line)
    for code in re.findall(r"`([^`\n]+)`", FENCE.sub("", text)):
        if code.startswith("mq "):
            yield from simple_commands(code.replace("\\|", "|"))


def simple_commands(line: str) -> Iterator[str]:
    """The parts of a pipeline that call mq."""
    words = re.split(r"\s\|\s|\s&&\s|;\s", line)
    for part in words:
        call = re.match(r"\s*(?:[A-Z_]+=\S+ )*(?:\S*/)?(mq .*)", part)
        if call:
            yield call[1]


def unknown(line: str) -> bool:
    """Whether a call of mq names a command or an option that there is not."""
    words = shlex.split(line, comments=True)[1:]
    if "--" in words:
        # What follows is somebody else's command.
        words = words[: words.index("--")]
    path = "mq"
    for word in words:
        path = longer_path(path, word)
    if isinstance(COMMANDS[path], TyperGroup):
        rest = words[path.count(" ") :]
        return bool(rest) and not rest[0].startswith("-")
    given = {word.split("=")[0] for word in words if OPTION.match(word)}
    return not given <= options(COMMANDS[path])


def longer_path(path: str, word: str) -> str:
    name = f"{path} {ALIASES.get(word, word)}"
    return name if name in COMMANDS else path


def options(command: Any) -> set[str]:
    names = {"-h", "--help"}
    for parameter in command.params:
        if isinstance(parameter, TyperOption):
            names.update(parameter.opts, parameter.secondary_opts)
    return names


def test_decisions_are_numbered_once_each_in_the_name_and_the_title() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [int(page.name[:4]) for page in pages]

    assert numbers == sorted(set(numbers))
    for number, page in zip(numbers, pages, strict=True):
        assert page.read_text(encoding="utf-8").startswith(f"# {number}. ")
