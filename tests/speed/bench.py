"""`make bench`: what durable intake costs against an answer that stores nothing, as ratios of one interleaved run.

Absolute numbers vary with the machine; ratios within one run do much less. Bounded in requests and
time, on loopback only. Also: whether scoring is linear in length, and how long a start takes against
the import of its two largest libraries.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from shared.config import PROJECT_DIR
from shared.derive.sentiment import SentimentLimits, score_sentiment
from tests.speed.load import Measured, make_request, make_requests, send_all

ROUNDS = 4
START_SECONDS = 30
NAMES = {"bare": "aiohttp, stores nothing", "warroom": "/track on SQLite", "alone": "the same, a commit a request"}
SHARE = {"bare": 4.0, "warroom": 1.0, "alone": 0.2}  # of the requests: the slow ones would take minutes
LOADS = {"1 event, 32 connections": (1500, 1, 32), "20 events, 32 connections": (200, 20, 32)}
FLOOR = "import aiohttp.web, sqlmodel"


class ServerProcess:
    """One of the compared servers."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "tests.speed.servers", kind, str(self.port), str(folder / kind)]
        self._process = subprocess.Popen(command, cwd=PROJECT_DIR, stdout=subprocess.PIPE, text=True)
        if self._process.stdout is None or self._process.stdout.readline().strip() != "listening":
            raise RuntimeError(f"the server {kind} did not start")
        self._measured = psutil.Process(self._process.pid)

    def cpu_seconds(self) -> float:
        times = self._measured.cpu_times()
        return float(times.user + times.system)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=START_SECONDS)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def servers() -> Iterator[dict[str, ServerProcess]]:
    running: dict[str, ServerProcess] = {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            for kind in NAMES:
                running[kind] = ServerProcess(kind, Path(folder))
            yield running
        finally:
            for server in running.values():
                server.stop()


def compare_intake(console: Console) -> None:
    with servers() as running:
        for title, (count, events, connections) in LOADS.items():
            results: dict[str, list[tuple[Measured, float]]] = defaultdict(list)
            for number in range(ROUNDS + 1):
                for kind, server in running.items():
                    result = measure(server, int(count * SHARE[kind]), events, connections)
                    if number:  # the first round warms up
                        results[kind].append(result)
            console.print(intake_table(title, results))


def measure(server: ServerProcess, count: int, events: int, connections: int) -> tuple[Measured, float]:
    """The answers of one round, and the server's CPU microseconds a request."""
    requests = make_requests(count, events)
    before = server.cpu_seconds()
    measured = uvloop.run(send_all(server.port, requests, connections))
    return measured, (server.cpu_seconds() - before) / count * 1e6


def intake_table(title: str, results: dict[str, list[tuple[Measured, float]]]) -> Table:
    table = Table(title=f"POST /track: {title}")
    for column in ("server", "req/s", "÷ bare (median, range)", "p50 ms", "p99 ms", "p99 ÷ bare", "CPU µs", "÷ bare"):
        table.add_column(column, justify="left" if column == "server" else "right")
    bare = results["bare"]
    bare_p99 = median(measured.p99_ms for measured, _ in bare)
    bare_cpu = median(cpu for _, cpu in bare)
    for kind, rounds in results.items():
        ratios = sorted(
            measured.per_second / base.per_second for (measured, _), (base, _) in zip(rounds, bare, strict=True)
        )
        p99, cpu = median(measured.p99_ms for measured, _ in rounds), median(cpu for _, cpu in rounds)
        table.add_row(
            NAMES[kind],
            f"{median(measured.per_second for measured, _ in rounds):.0f}",
            f"{median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})",
            f"{median(measured.p50_ms for measured, _ in rounds):.1f}",
            f"{p99:.1f}",
            f"{p99 / bare_p99:.1f}",
            f"{cpu:.0f}",
            f"{cpu / bare_cpu:.1f}",
        )
    return table


def compare_scoring(console: Console) -> None:
    """Time per character of longer and longer texts; linear scoring keeps it level."""
    table = Table(title="Scoring a text: time per character ÷ that of 500 characters")
    table.add_column("characters", justify="right")
    table.add_column("ms", justify="right")
    table.add_column("ratio", justify="right")
    limits = SentimentLimits(characters=4000, words=200, emoji=40)
    sentence = "The guide is great but the second step fails badly on my machine, sorry. "
    seconds = {length: least_seconds((sentence * 200)[:length], limits) for length in (500, 1000, 2000, 5000)}
    for length, taken in seconds.items():
        table.add_row(str(length), f"{taken * 1000:.2f}", f"{taken / length / (seconds[500] / 500):.2f}")
    console.print(table)


def least_seconds(text: str, limits: SentimentLimits) -> float:
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        score_sentiment(text, limits)
        best = min(best, time.perf_counter() - started)
    return best


def compare_start(console: Console) -> None:
    """From the command to the first stored event, against the import of aiohttp and sqlmodel."""
    floor = min(seconds_of_import() for _ in range(3))
    table = Table(title=f"Start to the first 202 ÷ `{FLOOR}` ({floor:.2f} s)")
    for column in ("start", "s", "ratio"):
        table.add_column(column, justify="left" if column == "start" else "right")
    with tempfile.TemporaryDirectory() as folder:
        for title in ("first, with migrations", "second", "third"):
            taken = seconds_to_first_event(Path(folder))
            table.add_row(title, f"{taken:.2f}", f"{taken / floor:.2f}")
    console.print(table)


def seconds_of_import() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", FLOOR], check=True, timeout=START_SECONDS)
    return time.perf_counter() - started


def seconds_to_first_event(folder: Path) -> float:
    config = folder / "config.local.toml"
    config.write_text('[[sites]]\nkey = "docs"\nname = "Docs"\nhosts = ["docs.example"]\n')
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "WARROOM_CONFIG_FILE": str(config),
        "WARROOM_DATA_DIR": str(folder / "data"),
        "WARROOM_SERVER__PORT": str(port),
    }
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "bot"],
        cwd=PROJECT_DIR,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while time.perf_counter() - started < START_SECONDS:
            if asyncio.run(is_taken(port)):
                return time.perf_counter() - started
            time.sleep(0.02)
        raise RuntimeError("the process did not take an event in time")
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)


async def is_taken(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.write(make_request(0, 1))
    answer = await reader.readline()
    writer.close()
    return b" 202 " in answer


def main() -> None:
    console = Console(width=120)
    compare_intake(console)
    compare_scoring(console)
    compare_start(console)


if __name__ == "__main__":
    main()
