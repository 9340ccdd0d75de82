"""Running the programs of programs.py, and hearing what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAMS = Path(__file__).with_name("programs.py")
ROOT = PROGRAMS.parents[2]
PATIENCE = 60
# How much longer than on an idle machine a thing may take where tests run side by side.
SLOW_MACHINE = 10


def start(name: str, *arguments: object, **variables: str) -> subprocess.Popen[str]:
    """Start a program with pipes as stdin and stdout."""
    return subprocess.Popen(
        [sys.executable, str(PROGRAMS), name, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
    )


def hear(process: subprocess.Popen[str]) -> str:
    """The next line that the program says; its errors if it says none."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        _, errors = process.communicate(timeout=PATIENCE)
        raise AssertionError(f"the program ended with {process.returncode}: {errors}")
    return line.strip()


def finish(process: subprocess.Popen[str], said: str = "\n") -> list[str]:
    """Let the program end in good order; all it still had to say."""
    out, errors = process.communicate(said, timeout=PATIENCE)
    assert process.returncode == 0, errors
    return out.splitlines()


def kill(process: subprocess.Popen[str]) -> list[str]:
    """End the program with kill -9; all it had said before."""
    process.kill()
    out, _ = process.communicate(timeout=PATIENCE)
    return out.splitlines()
