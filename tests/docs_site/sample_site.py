"""Builds the sample Starlight site and runs its server: what a docs site with our package is for its readers."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

import aiohttp
import pytest

from tests.ports import free_port

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "api" / "web" / "starlight"
STATIC = HERE.parents[1] / "api" / "web" / "static"
SOURCES = ("astro.config.mjs", "package-lock.json", "src", "public", "plain_site", "routed_site")
NODE = HERE / "node_modules" / ".bin" / "node"
BUILD_SECONDS = 240
START_SECONDS = 60.0
Mode = Literal["on", "off", "forward", "plain", "routed"]


def build_site(mode: Mode) -> Path:
    """The folder of the built site, built anew only when one of its sources has changed."""
    need_node_packages()
    built = HERE / "build" / mode
    with _only_one(mode):
        stamp = HERE / "build" / f"{mode}.stamp"
        sources = _sources_state()
        if not built.exists() or not stamp.exists() or stamp.read_text() != sources:
            script = "build" if mode == "on" else f"build:{mode}"
            done = subprocess.run(
                ["npm", "run", "--silent", script], cwd=HERE, capture_output=True, text=True, timeout=BUILD_SECONDS
            )
            assert done.returncode == 0, done.stdout + done.stderr
            stamp.write_text(sources)
    return built


def need_node_packages() -> None:
    """Skips the test where they are not installed; in CI it fails."""
    if not NODE.exists():
        _do_without("the sample site is not installed: npm ci --prefix tests/docs_site")


@dataclass
class DocsServer:
    """The running server of the built site."""

    address: str
    process: asyncio.subprocess.Process
    log: Path

    def said(self) -> str:
        return self.log.read_text("utf-8")

    async def until_said(self, words: str, seconds: float = 30.0) -> None:
        """Returns when the server's log holds the words; fails after so long."""
        async with asyncio.timeout(seconds):
            while words not in self.said():
                await asyncio.sleep(0.05)


@asynccontextmanager
async def running_docs_site(folder: Path, collector: str, key: str) -> AsyncIterator[DocsServer]:
    """The server build of the site, which passes requests on to `collector` with `key`."""
    built = await asyncio.to_thread(build_site, "forward")
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WARROOM_URL": collector,
        "WARROOM_KEY": key,
    }
    log = folder / "docs-site.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            NODE, built / "server" / "entry.mjs", env=environment, stdout=output, stderr=output
        )
    server = DocsServer(f"http://127.0.0.1:{port}", process, log)
    try:
        await _until_it_answers(server)
        yield server
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _until_it_answers(server: DocsServer) -> None:
    async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as http:
        while True:
            assert server.process.returncode is None, server.said()
            try:
                async with http.get(server.address + "/start/overview/") as answer:
                    assert answer.status == 200, await answer.text()
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


def _sources_state() -> str:
    """Changes when a file that goes into the site does."""
    roots: list[Path] = [HERE / name for name in SOURCES] + [PACKAGE, STATIC]
    files = [path for root in roots for path in ([root] if root.is_file() else sorted(root.rglob("*")))]
    return "\n".join(f"{path} {path.stat().st_mtime_ns} {path.stat().st_size}" for path in files if path.is_file())


@contextmanager
def _only_one(mode: Mode) -> Iterator[Any]:
    """Tests in several processes build the same site once."""
    (HERE / "build").mkdir(exist_ok=True)
    with (HERE / "build" / f"{mode}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def _do_without(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
