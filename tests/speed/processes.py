"""Server processes of a comparison, and one round of load on them."""

import os
import select
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import uvloop

from shared.config import PROJECT_DIR
from tests.speed.load import Measured, make_requests, send_all

START_SECONDS = 60


@dataclass(frozen=True)
class Round:
    """What one round of load gave."""

    measured: Measured
    cpu_us: float  # of the server process, user and system, a request

    @property
    def per_second(self) -> float:
        return self.measured.per_second

    @property
    def p99_ms(self) -> float:
        return self.measured.p99_ms


class ServerProcess:
    """One of the compared servers; several with the same database are made from several of these."""

    def __init__(self, kind: str, folder: Path, environment: dict[str, str] | None = None) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "tests.speed.servers", kind, str(self.port), str(folder)]
        self._process = subprocess.Popen(
            command, cwd=PROJECT_DIR, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
        )
        first = self._first_line()
        if not first.startswith("listening"):
            self.stop()
            raise RuntimeError(f"the server {kind} did not start")
        self.address = first.partition(" ")[2].strip()
        self._measured = psutil.Process(self._process.pid)

    def _first_line(self) -> str:
        if self._process.stdout is None or not select.select([self._process.stdout], [], [], START_SECONDS)[0]:
            return ""
        return self._process.stdout.readline()

    def cpu_seconds(self) -> float:
        times = self._measured.cpu_times()
        return float(times.user + times.system)

    def rss_mb(self) -> float:
        return float(self._measured.memory_info().rss) / 1e6

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=START_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def send_round(servers: list[ServerProcess], count: int, events: int, connections: int) -> Round:
    """One round of load that the servers share."""
    requests = make_requests(count, events)
    before = sum(server.cpu_seconds() for server in servers)
    measured = uvloop.run(send_all([server.port for server in servers], requests, connections))
    return Round(measured, (sum(server.cpu_seconds() for server in servers) - before) / count * 1e6)
