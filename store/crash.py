"""Named points at which a test may kill the process, as by kill -9."""

import os
import signal

# MQ_CRASH_AT=name:n kills the process when it passes that point the n-th time.
_name, _, _count = os.environ.get("MQ_CRASH_AT", "").partition(":")
_left = int(_count or 1)
ARMED = bool(_name)
"""Whether any point kills: the most frequent ones are passed only then."""


def crash_point(name: str) -> None:
    """Die here if the environment says so."""
    global _left
    if name == _name:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
