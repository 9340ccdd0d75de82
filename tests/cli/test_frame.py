"""The frame of the command line: global options, errors, exit codes, where the store is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from mq.cli.context import current_context, make_folder, start_context
from mq.cli.diagnostics import Diagnostics, ExitCode, exit_code
from mq.cli.output import Format
from mq.command_line import COMMANDS, run
from mq.commands import CommandGroup
from store.model import errors
from store.model.errors import BadInput, MqError, NotFound

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A group `sample` whose `list` command notes the context it ran in."""
    seen: list[Any] = []
    group = CommandGroup(help="A sample.")

    @group.command("list")
    def list_things() -> None:
        """List."""
        seen.append(current_context())

    @group.command("fail")
    def fail() -> None:
        """Fail."""
        raise RuntimeError("broken\x1b[31m\nline")

    @group.command("condition")
    def condition() -> ExitCode:
        """Say that the condition is true."""
        return ExitCode.CONDITION_TRUE

    module = ModuleType("sample_commands")
    module.app = group  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sample_commands", module)
    monkeypatch.setitem(COMMANDS, "sample", ("sample_commands", "Things", "A sample."))
    return seen


class TestGlobalOptions:
    @pytest.mark.parametrize(
        "words",
        [
            "-o json --timeout 5m -qy sample list",
            "sample -o json --timeout 5m -qy list",
            "sample list -o json --timeout 5m -qy",
            "-q sample --timeout PT5M list --yes --json",
        ],
    )
    def test_they_hold_before_and_after_the_command(self, sample: list[Any], words: str) -> None:
        assert run(words.split()) == 0
        context = sample[0]
        assert (context.format, context.timeout) == (Format.JSON, 300)
        assert (context.quiet, context.yes, context.header) == (True, True, True)

    def test_the_one_nearest_to_the_command_wins(self, sample: list[Any]) -> None:
        assert run(["-s", "a.db", "sample", "-s", "b.db", "list", "--no-header"]) == 0
        assert (sample[0].store, sample[0].header) == ("b.db", False)

    def test_a_run_forgets_what_an_earlier_one_set(self, sample: list[Any]) -> None:
        run(["sample", "list", "--json"])
        run(["sample", "list"])
        assert [context.format for context in sample] == [Format.JSON, None]

    @pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
    def test_colours_are_off_where_the_environment_says_so(
        self, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
    ) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert not start_context().colour

    def test_help_has_them_in_a_section_of_their_own(
        self, sample: list[Any], capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["sample", "list", "--help"]) == 0
        assert "--timeout" in capfd.readouterr().out.partition("Global options:")[2]


class TestCommands:
    def test_ls_is_list(self, sample: list[Any]) -> None:
        assert run(["sample", "ls"]) == 0
        assert len(sample) == 1

    def test_a_typo_is_answered_with_the_nearest_command(
        self, sample: list[Any], capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["sample", "lsit"]) == 2
        assert capfd.readouterr().err == (
            "mq: error: mq sample has no command 'lsit'\nhint: did you mean list?\n"
        )

    def test_a_command_may_return_its_exit_code(self, sample: list[Any]) -> None:
        assert run(["sample", "condition"]) == 10

    def test_no_words_at_all_show_the_help(self, run_mq: RunMq) -> None:
        run = run_mq()
        assert (run.code, run.err) == (0, "")
        assert "Operations:" in run.text

    def test_the_version_is_the_one_of_the_package(self, run_mq: RunMq) -> None:
        from importlib.metadata import version

        assert run_mq("--version").text == f"mq {version('mq')}\n"

    def test_help_imports_no_command(self) -> None:
        code = "import sys, mq.command_line as m; m.run(['--help']); print(sorted(sys.modules))"
        root = Path(__file__).parents[2]
        out = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
        assert out.returncode == 0
        assert "mq.commands." not in out.stdout.splitlines()[-1]

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_the_shell_completes_commands(self, run_mq: RunMq, shell: str) -> None:
        words = {"COMP_WORDS": "mq pro", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "mq pro"}
        asked = run_mq(
            _MQ_COMPLETE=f"complete_{shell}", _TYPER_COMPLETE_FISH_ACTION="get-args", **words
        )
        assert (asked.code, asked.err) == (0, "")
        assert "produce" in asked.text


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "code"),
        [
            ("MqError", 1),
            ("BadInput", 2),
            ("NotFound", 3),
            ("Fenced", 4),
            ("Busy", 5),
            ("OutcomeUnknown", 6),
            ("NewerStore", 7),
        ],
    )
    def test_each_family_has_its_exit_code(self, error: str, code: int) -> None:
        assert exit_code(getattr(errors, error)("x")) == code

    def test_an_error_is_one_line_and_at_most_one_hint(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Diagnostics().error(NotFound("topic a\nb\x1b[31m", hint="mq topic\ncreate"))
        assert capsys.readouterr().err == (
            r"mq: error: topic a\x0ab\x1b[31m" + "\n" + r"hint: mq topic\x0acreate" + "\n"
        )

    @pytest.mark.parametrize(
        "words",
        [
            ["--json", "topci"],
            ["-ojson", "topci"],
            ["-o", "ndjson", "topci"],
            ["init", "--bogus", "--json"],
            ["init", "--bogus", "--output=ndjson"],
        ],
    )
    def test_with_json_even_a_usage_error_is_one_object(
        self, run_mq: RunMq, words: list[str]
    ) -> None:
        run = run_mq(*words)
        assert (run.code, run.out) == (2, b"")
        error = json.loads(run.err)["error"]
        assert error["code"] == "bad_input"
        assert error["hint"]

    @pytest.mark.parametrize(
        "words",
        [
            ["-o", "xml"],
            ["init", "--bogus"],
            ["init", "a", "b"],
            ["-s", "x.db"],
            ["--timeout", "5"],
        ],
    )
    def test_wrong_usage_is_exit_code_2_in_one_line_with_a_hint(
        self, run_mq: RunMq, words: list[str]
    ) -> None:
        run = run_mq(*words)
        assert run.code == 2
        message, hint = run.err.splitlines()
        assert message.startswith("mq: error: ")
        assert hint.startswith("hint: ")

    def test_a_bug_is_one_line_without_a_traceback(
        self, sample: list[Any], capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["sample", "fail"]) == 1
        assert capfd.readouterr().err.startswith(
            "mq: error: RuntimeError: broken\\x1b[31m\\x0aline\nhint: "
        )

    def test_debug_shows_the_traceback(
        self, sample: list[Any], capfd: pytest.CaptureFixture[str]
    ) -> None:
        run(["sample", "fail", "--debug"])
        assert "Traceback" in capfd.readouterr().err

    def test_a_closed_pipe_is_quietly_141(self, environment: dict[str, str]) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [sys.executable, "-m", "mq", "--help"],
            stdout=writer,
            stderr=subprocess.PIPE,
            env=environment,
        )
        os.close(writer)
        assert (done.returncode, done.stderr) == (141, b"")

    def test_a_full_disk_under_stdout_is_said(self, environment: dict[str, str]) -> None:
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "mq", "--version"],
                stdout=full,
                stderr=subprocess.PIPE,
                env=environment,
            )
        assert done.returncode == 1
        assert b"No space left" in done.stderr

    def test_an_interrupt_is_130(self, sample: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(*_words: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("mq.command_line._run", interrupt)
        assert run(["sample", "list"]) == 130


class TestDiagnostics:
    def test_quiet_silences_notes_and_nothing_else(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        quiet = Diagnostics(quiet=True)
        quiet.note("a note")
        quiet.warning("a warning")
        assert capsys.readouterr().err == "mq: warning: a warning\n"

    def test_success_is_told_to_people_only(self, run_mq: RunMq, run_mq_on_terminal: RunMq) -> None:
        assert run_mq("init", "piped.db").err == ""
        assert "created" in run_mq_on_terminal("init", "seen.db").text
        assert run_mq_on_terminal("-q", "init", "quiet.db").text == ""


class TestConfirmation:
    def test_off_a_terminal_it_needs_yes(self) -> None:
        with pytest.raises(BadInput) as caught:
            start_context().confirm("Delete orders?")
        assert "--yes" in caught.value.hint

    def test_yes_agrees(self) -> None:
        context = start_context()
        context.yes = True
        context.confirm("Delete orders?", name="orders")

    @pytest.mark.parametrize(
        ("answer", "name", "agrees"),
        [
            ("y", None, True),
            ("yes", None, True),
            ("", None, False),
            ("orders", "orders", True),
            ("y", "orders", False),
        ],
    )
    def test_on_a_terminal_it_asks(
        self, monkeypatch: pytest.MonkeyPatch, answer: str, name: str | None, agrees: bool
    ) -> None:
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr(Diagnostics, "is_terminal", True)
        monkeypatch.setattr(Diagnostics, "ask", lambda _self, _question: answer)
        if agrees:
            start_context().confirm("Delete?", name=name)
        else:
            with pytest.raises(MqError, match="nothing was changed"):
                start_context().confirm("Delete?", name=name)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A deep empty folder to stand in, without a store that anything names."""
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("MQ_STORE", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    return deep


class TestStoreLocation:
    def test_the_option_goes_before_everything(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MQ_STORE", "named.db")
        context = start_context()
        context.store = "given.db"
        assert context.store_location() == (folder / "given.db", "given with --store")

    def test_then_the_environment(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        make_folder(folder / ".mq")
        (folder / ".mq" / "store.db").touch()
        monkeypatch.setenv("MQ_STORE", "named.db")
        assert start_context().store_location() == (folder / "named.db", "named by $MQ_STORE")

    def test_then_the_nearest_folder_upward(self, folder: Path) -> None:
        nearest = folder.parent / ".mq" / "store.db"
        make_folder(nearest.parent)
        nearest.touch()
        assert start_context().store_location().path == nearest

    def test_then_the_data_folder_of_the_user(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        expected = tmp_path / ".local" / "share" / "mq" / "store.db"
        assert start_context().store_location().path == expected
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
        assert start_context().store_location().path == tmp_path / "data" / "mq" / "store.db"

    def test_a_missing_store_is_refused_with_the_command_that_creates_it(
        self, folder: Path
    ) -> None:
        context = start_context()
        context.store = "my shop.db"
        with pytest.raises(NotFound) as caught:
            context.open_store()
        assert caught.value.hint == "mq -s 'my shop.db' init"
        assert list(folder.iterdir()) == []

    def test_creating_one_makes_its_folder_for_the_owner_only(self, folder: Path) -> None:
        context = start_context()
        context.store = ".mq/store.db"
        context.open_store(create=True).close()
        assert (folder / ".mq").stat().st_mode & 0o777 == 0o700
        assert (folder / ".mq" / "store.db").stat().st_mode & 0o777 == 0o600
        assert (folder / ".mq" / ".gitignore").read_text() == "*\n"


class TestInit:
    def test_it_makes_a_store_in_the_current_folder(self, run_mq: RunMq, tmp_path: Path) -> None:
        assert run_mq("init").code == 0
        assert (tmp_path / ".mq" / "store.db").is_file()

    def test_a_path_is_a_file_or_a_folder_to_hold_one(self, run_mq: RunMq, tmp_path: Path) -> None:
        assert run_mq("init", "shop.db").code == 0
        assert run_mq("init", "shop/").code == 0
        assert (tmp_path / "shop.db").is_file()
        assert (tmp_path / "shop" / ".mq" / "store.db").is_file()

    def test_the_environment_names_the_place_too(self, run_mq: RunMq, tmp_path: Path) -> None:
        assert run_mq("init", MQ_STORE="named.db").code == 0
        assert (tmp_path / "named.db").is_file()

    def test_a_store_that_exists_is_a_conflict(self, run_mq: RunMq) -> None:
        run_mq("init")
        assert run_mq("init").code == 4

    def test_durability_is_stored_in_the_file(self, run_mq: RunMq, tmp_path: Path) -> None:
        from store import Store

        assert run_mq("init", "fast.db", "--durability", "normal").code == 0
        with Store.open(tmp_path / "fast.db") as store:
            assert store.status().durability == "normal"
