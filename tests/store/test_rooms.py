"""Packages whose modules are imported when they are first named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from store.lazy import on_demand
from store.sqlite import leases


def test_a_module_is_imported_when_it_is_first_named() -> None:
    code = (
        "import sys; from store.sqlite import dead_letters; name ="
        " 'store.sqlite.dead_letters.journal';"
        " print(name in sys.modules); dead_letters.journal; print(name in sys.modules)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]


def test_a_name_that_is_no_module_is_no_attribute() -> None:
    assert not hasattr(leases, "no_such_module")


def test_a_module_that_lacks_another_one_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "room"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "broken.py").write_text("import a_module_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_not_there"):
        on_demand("room")("broken")
