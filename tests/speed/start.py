"""Goal 19: from the command to the first stored event, memory when idle, and what is loaded by then."""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from shared.config import PROJECT_DIR
from tests.speed.goals import Results
from tests.speed.load import make_request
from tests.speed.processes import START_SECONDS, free_port

FLOOR = "import aiohttp.web, sqlmodel"
HEAVY = ("scipy", "statsmodels", "pandas", "matplotlib", "sklearn")
STARTS = 4  # the first migrates
IDLE_SECONDS = 5.0


def measure_start(results: Results, folder: Path) -> None:
    folder.mkdir()
    floor = min(_seconds_of_import() for _ in range(3))
    for number in range(STARTS):
        with _started(folder) as (process, port, started):
            taken = _seconds_to_first_event(port, started)
            if number:
                results.add("19", taken / floor)
            if number == STARTS - 1:
                time.sleep(IDLE_SECONDS)
                results.add("19b", _memory_mb(process.pid))
                results.add("19c", float(len(_heavy_libraries(process.pid))))


def _seconds_of_import() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", FLOOR], check=True, timeout=START_SECONDS)
    return time.perf_counter() - started


@contextmanager
def _started(folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int, float]]:
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
        yield process, port, started
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)


def _seconds_to_first_event(port: int, started: float) -> float:
    while time.perf_counter() - started < START_SECONDS:
        if asyncio.run(_is_taken(port)):
            return time.perf_counter() - started
        time.sleep(0.02)
    raise RuntimeError("the process did not take an event in time")


async def _is_taken(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.write(make_request(0, 1))
    answer = await reader.readline()
    writer.close()
    return b" 202 " in answer


def _memory_mb(pid: int) -> float:
    """Of the process and those it started."""
    process = psutil.Process(pid)
    return sum(one.memory_info().rss for one in [process, *process.children(recursive=True)]) / 1e6


def _heavy_libraries(pid: int) -> set[str]:
    """Which heavy packages' compiled parts are in the process."""
    maps = Path(f"/proc/{pid}/maps").read_text() if Path("/proc").is_dir() else ""
    return {name for name in HEAVY if re.search(rf"/{name}/", maps)}
