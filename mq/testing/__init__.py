"""Servers for the tests of programs that use SQS: without an account, a container or a network.

`serve()` is a context manager. The pytest plugin `mq`, which is installed with mq, has the fixtures
`mq_server` and `mq_sqs`.
"""

from mq.testing.served import ServedPorts, serve

__all__ = ["ServedPorts", "serve"]
