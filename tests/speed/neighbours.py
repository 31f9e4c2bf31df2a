"""Goals 17 and 18: what intake notices of a reader of the dashboard, and of the longest feedback being scored."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import aiohttp

from shared.config import PROJECT_DIR
from shared.identifiers import random_uuid
from tests.speed.goals import Results
from tests.speed.intake import ROUNDS, running
from tests.speed.processes import Round, ServerProcess, send_round

COUNT = 6000
LONGEST = ("The guide is great but the second step fails badly on my machine, sorry! " * 100)[:5000]
PAGES = ("/app", "/app/war-room", "/app/feedback")


def compare_neighbours(results: Results, folder: Path) -> None:
    with running({"warroom": {}}, folder / "neighbours") as servers:
        (server,) = servers["warroom"]
        with neighbour("dashboard", server) as reader, neighbour("feedback", server) as writer:
            reader.pause()
            writer.pause()
            send_round([server], COUNT, 1, 32)
            quiet, beside_reader, beside_feedback = [], [], []
            for _ in range(ROUNDS):
                quiet.append(send_round([server], COUNT, 1, 32))
                with reader.at_work():
                    beside_reader.append(send_round([server], COUNT, 1, 32))
                with writer.at_work():
                    beside_feedback.append(send_round([server], COUNT, 1, 32))
    pairs = zip(quiet, beside_reader, strict=True)
    results.add("17", *(after.per_second / before.per_second for before, after in pairs))
    results.add("17b", median(_p99(beside_reader)) / median(_p99(quiet)))
    results.add("18", median(_p99(beside_feedback)) / median(_p99(quiet)))


def _p99(rounds: list[Round]) -> list[float]:
    return [round_.p99_ms for round_ in rounds]


class Neighbour:
    """A client in a process of its own that does one thing in a loop, while it is let."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self._process.send_signal(signal.SIGCONT)
        yield
        if self._process.poll() is not None:
            raise RuntimeError("the client gave up")
        self.pause()


@contextmanager
def neighbour(kind: str, server: ServerProcess) -> Iterator[Neighbour]:
    """It has done its thing once when the context begins."""
    command = [sys.executable, "-m", "tests.speed.neighbours", kind, str(server.port), server.address]
    process = subprocess.Popen(command, cwd=PROJECT_DIR, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None or process.stdout.readline().strip() != "begun":
            raise RuntimeError(f"the {kind} client could not begin")
        yield Neighbour(process)
    finally:
        process.kill()
        process.wait(timeout=10)


async def read_dashboard(port: int, address: str) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        await _sign_in(client, port, address)
        while True:
            for page in PAGES:
                async with client.get(f"http://127.0.0.1:{port}{page}") as answer:
                    await answer.read()
                    if answer.status != 200:
                        raise RuntimeError(f"{page} answered {answer.status}")
            begun()


async def _sign_in(client: aiohttp.ClientSession, port: int, address: str) -> None:
    """As the button of the sign-in page does."""
    form = {"token": address.rpartition("#")[2]}
    place = f"http://127.0.0.1:{port}/app/sign-in"
    async with client.post(place, data=form, headers={"Sec-Fetch-Site": "same-origin"}) as answer:
        await answer.read()
        if answer.status != 200:
            raise RuntimeError(f"signing in answered {answer.status}")


async def send_feedback(port: int) -> None:
    async with aiohttp.ClientSession() as client:
        while True:
            body = {"id": random_uuid(), "site": "docs", "survey": "page", "text": LONGEST}
            async with client.post(f"http://127.0.0.1:{port}/feedback", json=body) as answer:
                if answer.status != 201:
                    raise RuntimeError(f"/feedback answered {answer.status}: {await answer.text()}")
            begun()


def begun() -> None:
    global _has_begun
    if not _has_begun:
        _has_begun = True
        print("begun", flush=True)


_has_begun = False

if __name__ == "__main__":
    asyncio.run(
        send_feedback(int(sys.argv[2])) if sys.argv[1] == "feedback" else read_dashboard(int(sys.argv[2]), sys.argv[3])
    )
