"""Sleep on a number in the first page of a file until another process changes it: Linux's futex.

The page is mapped for its address alone. All numbers are read and written through a descriptor, so
that a file that was cut, or a full disk, is an error and never the end of the process.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from time import sleep

_ALL = 1 << 30
_CALLS = {"x86_64": 202, "aarch64": 98, "riscv64": 98, "ppc64le": 221, "s390x": 238}
_NUMBER = _CALLS.get(os.uname().machine) if sys.platform == "linux" else None
_WAIT, _WAKE = 0, 1
_PAGE = 4096
_PROT_READ, _MAP_SHARED = 1, 1
_USUAL = {errno.EAGAIN, errno.EINTR, errno.ETIMEDOUT}
# Seconds between two looks where the kernel refuses to wait.
_REFUSED_PAUSE = 0.004


class _Duration(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class SharedPage:
    """The first page of a file, through which processes wait for each other."""

    def __init__(self, descriptor: int) -> None:
        self._address = 0
        self._address = _map(_PAGE, _PROT_READ, _MAP_SHARED, descriptor)

    def wait(self, place: int, seen: int, seconds: float) -> None:
        """Sleep until the number at a place is rung, at once if it is not `seen`, or time is over.

        A signal ends it early too.
        """
        whole, part = divmod(max(seconds, 0.0), 1.0)
        duration = _Duration(int(whole), int(part * 1e9))
        problem = _futex(self._address + place, _WAIT, seen, ctypes.addressof(duration))
        if problem and problem not in _USUAL:
            sleep(min(seconds, _REFUSED_PAUSE))

    def wake(self, place: int) -> None:
        """Wake all processes that sleep on the number at a place."""
        _syscall(_NUMBER, self._address + place, _WAKE, _ALL, None, None, 0)

    def __del__(self) -> None:
        if self._address:
            _unmap(self._address, _PAGE)


def open_page(descriptor: int) -> SharedPage | None:
    """Return the first page of an open file, or `None` where this machine can't wait on it."""
    if _NUMBER is None or sys.maxsize < 1 << 32:
        return None
    try:
        return SharedPage(descriptor)
    except (OSError, AttributeError):
        return None


def _futex(address: int, operation: int, value: int, duration: int) -> int:
    failed = _syscall(_NUMBER, address, operation, value, duration, None, 0) < 0
    return ctypes.get_errno() if failed else 0


_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long
_syscall.argtypes = (
    ctypes.c_long, ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32, ctypes.c_void_p,
    ctypes.c_void_p, ctypes.c_uint32,
)  # fmt: skip


def _map(size: int, protection: int, flags: int, descriptor: int) -> int:
    call = _libc.mmap
    call.restype = ctypes.c_void_p
    call.argtypes = (
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long,
    )  # fmt: skip
    address: int | None = call(None, size, protection, flags, descriptor, 0)
    if address is None or address == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "mmap")
    return address


def _unmap(address: int, size: int) -> None:
    _libc.munmap(ctypes.c_void_p(address), ctypes.c_size_t(size))
