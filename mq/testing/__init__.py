"""Servers for the tests of programs that use SQS: without an account, a container or a network.

`serve()` is a context manager. The pytest plugin `mq`, which is installed with mq, has the fixtures
`mq_server` and `mq_sqs`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mq.testing.served import ServedPorts as ServedPorts, serve as serve

__all__ = ["ServedPorts", "serve"]


def __getattr__(name: str) -> Any:
    # The plugin of pytest lies in this package, and is loaded by every run of it.
    if name in __all__:
        from mq.testing import served

        return getattr(served, name)
    raise AttributeError(f"module 'mq.testing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
