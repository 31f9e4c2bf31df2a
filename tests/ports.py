"""Ports that nobody else takes: neither another test, nor a connection that somebody opens.

A port from `bind(0)` is one of those that the system hands out for outgoing connections. While a process under test is
down, such a connection may get its port, even the connection that asks whether it is back. So ours lie below them, and
below those of the PostgreSQL servers of tests.
"""

import os
import random
import socket
from collections.abc import Iterator

HOST = "127.0.0.1"
PORTS = range(11_000, 20_000)  # browsers refuse one at 10,080; Linux begins at 32,768 with outgoing connections
WORKERS = 8  # of pytest-xdist, each with ports of its own


def free_port() -> int:
    """A port that nobody listens on; another one at each call, until all were given once."""
    for _ in PORTS:
        port = next(_ports)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise OSError("no port is free for tests")


def _in_some_order() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    mine = [port for port in PORTS if port % WORKERS == worker]
    random.shuffle(mine)
    while True:
        yield from mine


_ports = _in_some_order()
