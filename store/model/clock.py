"""The sources of time. Deadlines follow the boot clock, record timestamps the wall clock."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Protocol

# The least difference between a timestamp and the wall clock that is no drift.
FAR_AHEAD = 60_000
# A timestamp beyond that is dropped once a log is empty; any other is reached soon enough.
NOT_SOON = 86_400_000
# Default seconds after which something counts as stalled, and as unassigned.
OVER = 30.0
IDLE_AFTER = 3600.0


class Clock(Protocol):
    """The three readings a store needs; all numbers are milliseconds."""

    def wall(self) -> int:
        """Return Unix time."""

    def boot(self) -> int:
        """Return the time since this machine booted, suspended time included; it never jumps."""

    def boot_id(self) -> str:
        """Return the identity of this boot."""


class SystemClock:
    """The clocks of this machine."""

    def wall(self) -> int:
        """Return Unix time in milliseconds."""
        return time.time_ns() // 1_000_000

    def boot(self) -> int:
        """Return milliseconds since boot, suspended time included."""
        return time.clock_gettime_ns(_BOOT_CLOCK) // 1_000_000

    def boot_id(self) -> str:
        """Return the kernel's random id of this boot."""
        global _boot_id
        if _boot_id is None:
            _boot_id = _read_boot_id()
        return _boot_id


class ManualClock:
    """A clock that stands still until it is moved: for tests of leases, delays and timeouts."""

    def __init__(self, wall: int = 1_700_000_000_000, boot: int = 1_000_000) -> None:
        self._wall = wall
        self._boot = boot
        self._boot_id = "manual-1"

    def wall(self) -> int:
        """Return Unix time in milliseconds."""
        return self._wall

    def boot(self) -> int:
        """Return milliseconds since the simulated boot."""
        return self._boot

    def boot_id(self) -> str:
        """Return the simulated boot's id."""
        return self._boot_id

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self._wall += round(seconds * 1000)
        self._boot += round(seconds * 1000)

    def jump_wall(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an operator or NTP may; the boot clock stays."""
        self._wall += round(seconds * 1000)

    def reboot(self, seconds_down: float = 0) -> None:
        """Start a new boot after the given time switched off."""
        self._wall += round(seconds_down * 1000)
        self._boot = 1_000
        self._boot_id = f"manual-{int(self._boot_id.rpartition('-')[2]) + 1}"


_boot_id: str | None = None
# macOS counts sleep in CLOCK_MONOTONIC and has no CLOCK_BOOTTIME.
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _read_boot_id() -> str:
    if sys.platform == "linux":
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    import ctypes

    size = ctypes.c_size_t(64)
    text = ctypes.create_string_buffer(size.value)
    libc = ctypes.CDLL(None)
    libc.sysctlbyname(b"kern.bootsessionuuid", text, ctypes.byref(size), None, 0)
    return text.value.decode()
