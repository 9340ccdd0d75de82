"""The manual as a site: it builds without a warning, with every page in its place."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def test_it_builds_strictly_with_every_page(tmp_path: Path) -> None:
    site = tmp_path / "site"

    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    pages = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    built = {path.relative_to(site).parent for path in site.rglob("*/index.html")}
    assert {page.with_suffix("") for page in pages} - built == {Path("index")}


def recorder() -> Any:
    spec = spec_from_file_location("record_terminal", ROOT / "docs" / "record_terminal.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


RECORDER = recorder()


def without_numbers(text: str) -> str:
    """The text without what is another one each time: times, ages and widths that follow them."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    text = re.sub(r"\b(now|\d+m?s( ago)?)\b|growing \S+", "*", text)
    return re.sub(r" +", " ", text)


@pytest.mark.parametrize("session", RECORDER.SESSIONS)
def test_a_recording_shows_what_the_program_says_today(session: str, tmp_path: Path) -> None:
    kept = (RECORDER.TARGET / f"{session}.cast").read_text(encoding="utf-8")

    cast = RECORDER.asciicast(list(RECORDER.record(RECORDER.SESSIONS[session], tmp_path)), "")

    assert shown(cast) == shown(kept), "run: python docs/record_terminal.py"


def shown(cast: str) -> list[str]:
    events = [json.loads(line) for line in cast.splitlines()[1:]]
    return without_numbers("".join(output for _, _, output in events)).splitlines()
