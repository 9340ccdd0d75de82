"""The process of a command line, started with `python -m mq`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

INTERRUPTED_WITHIN = """
import mq.command_line

def run(words):
    try:
        exec("raise KeyboardInterrupt")
    except KeyboardInterrupt:
        return 3

mq.command_line.run = run
"""


def test_an_interrupt_that_was_met_while_a_text_was_evaluated_leaves_the_exit_code(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTED_WITHIN)
    path = os.pathsep.join([str(tmp_path), environment["PYTHONPATH"]])

    done = subprocess.run([sys.executable, "-m", "mq"], env=environment | {"PYTHONPATH": path})

    assert done.returncode == 3
