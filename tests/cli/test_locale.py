"""The same bytes in are the same bytes stored and found, whatever the locale of the process is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

# What keeps Python from taking UTF-8 all the same.
_PLAIN = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(scope="module")
def latin_1(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment whose locale is Latin-1, made where the system can make one."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef") is None:
        pytest.skip("localedef, which makes locales, is not installed")
    locale = folder / "en_US.ISO-8859-1"
    made = subprocess.run(
        ["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(locale)], capture_output=True
    )
    if made.returncode or not locale.exists():
        pytest.skip("the system has no sources to make a locale of Latin-1 from")
    return {**_PLAIN, "LOCPATH": str(folder), "LC_ALL": locale.name}


@pytest.fixture(params=["UTF-8", "C", "POSIX", "C without UTF-8", "ISO-8859-1"])
def locale(request: pytest.FixtureRequest) -> dict[str, str]:
    """The variables of a locale."""
    if request.param == "ISO-8859-1":
        known: dict[str, str] = request.getfixturevalue("latin_1")
        return known
    if request.param == "C without UTF-8":
        return {**_PLAIN, "LC_ALL": "C"}
    return {"LC_ALL": "C.UTF-8" if request.param == "UTF-8" else request.param}


@pytest.fixture
def topic(path: Path) -> Iterator[Store]:
    """A store with a topic `t`."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("t")
        yield store


@pytest.fixture
def stored(topic: Store, locale: dict[str, str]) -> dict[str, str]:
    """The environment of that store, in the locale."""
    return {**locale, "MQ_STORE": str(topic.path)}


def test_words_are_stored_as_they_were_typed(
    run_mq: RunMq, topic: Store, stored: dict[str, str]
) -> None:
    words = ["-k", "é", "-H", "h=é", "-H", "é=1", "-H", 'j:="é"', "é€𝄞"]

    assert run_mq("produce", "t", *words, **stored).code == 0

    (record,) = topic.read("t")
    assert (record.key, record.value) == ("é".encode(), "é€𝄞".encode())
    assert record.headers == {"h": "é", "é": "1", "j": "é"}


def test_conditions_find_what_was_stored(
    run_mq: RunMq, topic: Store, stored: dict[str, str]
) -> None:
    topic.produce("t", "ü", key="é", headers={"h": "ß", "é": "x"})
    topic.produce("t", "other")
    # A record must meet all of them, so that one that finds nothing is seen.
    conditions = ["key = é", "value = ü", "headers.h = ß", "headers.é = x", "value ~ ^ü$"]
    words = [word for condition in conditions for word in ("--where", condition)]

    assert run_mq("consume", "t", *words, **stored).text == "ü\n"


def test_formats_delimiters_and_keys_to_look_up_are_read_alike(
    run_mq: RunMq, topic: Store, stored: dict[str, str]
) -> None:
    run_mq("produce", "t", "-K", "é", "aéb", **stored)
    topic.produce("t", "v", key="ß")

    assert run_mq("consume", "t", "-n", "1", "-F", "%kü%s", **stored).text == "aüb"
    assert run_mq("topic", "latest", "t", "-k", "ß", **stored).text == "v\n"


def test_bytes_that_are_no_utf_8_are_stored_and_found_too(
    run_mq: RunMq, topic: Store, stored: dict[str, str]
) -> None:
    run_mq("produce", "t", "-k", "\udce9", "\udcff", **stored)

    (record,) = topic.read("t")
    assert (record.key, record.value) == (b"\xe9", b"\xff")
    for words in (
        ["consume", "t", "--where", "key = \udce9"],
        ["topic", "latest", "t", "-k", "\udce9"],
    ):
        assert run_mq(*words, **stored).out == b"\xff\n"


def test_paths_are_the_same_files(run_mq: RunMq, tmp_path: Path, locale: dict[str, str]) -> None:
    (tmp_path / "ü.yaml").write_text(
        "version: 1\nexchanges: {e: {type: topic}}\nqueues: {q: {}}\n"
        'bindings: [{from: e, to: q, key: "é.#"}]\n',
        encoding="utf-8",
    )
    (tmp_path / "ß.txt").write_text("ß\n", encoding="utf-8")
    named = {**locale, "MQ_STORE": "é/ö.db"}

    assert run_mq("-s", "é/ö.db", "init", **locale).code == 0
    assert run_mq("apply", "ü.yaml", **named).code == 0
    assert run_mq("publish", "e", "-k", "é.x", "-f", "ß.txt", **named).code == 0
    assert run_mq("backup", "ä.db", **named).code == 0

    with Store.open(tmp_path / "ä.db") as store:
        assert [message.value for message in store.receive("q", 2)] == ["ß".encode()]
    assert (tmp_path / "é" / "ö.db").exists()


def test_a_command_gets_its_words_and_values_as_they_are(
    run_mq: RunMq, topic: Store, stored: dict[str, str]
) -> None:
    topic.produce("t", "ü", key="é")
    script = 'printf "%s %s %s" "$1" "$MQ_KEY" "$(cat)"'

    run = run_mq("work", "t", "-g", "g", "--once", "--", "sh", "-c", script, "sh", "ß", **stored)

    assert (run.code, run.text) == (0, "ß é ü")


def test_an_error_names_what_was_typed(run_mq: RunMq, stored: dict[str, str]) -> None:
    run = run_mq("consume", "é", **stored)

    assert (run.code, run.err.splitlines()[0]) == (2, "mq: error: not a usable name: 'é'")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-16"])
@pytest.mark.parametrize("words", [("peek", "--help"), ("queue", "create", "--help"), ("--help",)])
def test_help_is_printed_in_every_encoding(
    run_mq: RunMq, encoding: str, words: tuple[str, ...]
) -> None:
    run = run_mq(*words, PYTHONIOENCODING=encoding)

    assert (run.code, run.err) == (0, "")


def test_a_program_that_calls_the_command_line_is_not_started_anew(tmp_path: Path) -> None:
    code = "import sys; print('begun'); sys.argv[1:] = ['--version'];"
    code += " from mq.__main__ import main; main()"
    environment = {**_PLAIN, "LC_ALL": "C", "PYTHONPATH": str(Path(__file__).parents[2])}

    done = subprocess.run(
        [sys.executable, "-c", code, "another", "word"], env=environment, cwd=tmp_path,
        capture_output=True, text=True,
    )  # fmt: skip

    assert done.stdout.count("begun") == 1
