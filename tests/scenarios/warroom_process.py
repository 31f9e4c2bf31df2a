"""The real process under test: started, asked over its sockets, shifted in time, killed, started again."""

import asyncio
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import TEST_CLOCK_VARIABLE, process_clock
from shared.config import PROJECT_DIR, Settings, load_settings
from shared.runtime.build import build_runtime
from shared.runtime.control_socket import call_running_process
from shared.runtime.operator_commands import OperatorContext, run_command
from shared.store.database import SOCKET_FILE, open_engines
from tests.ports import free_port

START_SECONDS = 60.0
STOP_SECONDS = 30.0  # ten are promised; test_stopping.py looks at them
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"


class WarroomProcess:
    """`python -m bot` with its own folder, port, clock file and configuration."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        config: Mapping[str, Any],
        secrets: Mapping[str, str],
        arguments: Sequence[str] = (),
        program: str = "bot",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._arguments = arguments
        self._program = program
        self.config, self.secrets = config, secrets
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self._clock_file = folder / "clock"
        self._clock_file.write_text("0")
        self._log = folder / "log.txt"
        self._process: subprocess.Popen[bytes] | None = None
        self.says_to: Path | None = None  # where its output goes; a file that `log` reads otherwise
        self.descriptors: int | None = None  # how many the process may have open; the system's limit otherwise
        config_file = folder / "config.local.toml"
        config_file.write_text(to_toml({**config, "server": {"port": self.port, **config.get("server", {})}}))
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "WARROOM_CONFIG_FILE": str(config_file),
            "WARROOM_DATA_DIR": str(folder / "data"),
            "WARROOM_SECRET_KEY": "1" * 64,
            TEST_CLOCK_VARIABLE: str(self._clock_file),
            **({"DATABASE_URL": database_url} if database_url else {}),
            **secrets,
        }
        self.settings: Settings = load_settings(self.environment)
        self.http: aiohttp.ClientSession

    async def start(self, seconds: float = START_SECONDS) -> None:
        """Starts the process and waits until it answers and leads."""
        self.spawn()
        await self.until(self.leads, seconds)

    def spawn(self) -> int:
        """Starts the process and waits for nothing; its id."""
        with (self.says_to or self._log).open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", self._program, *self._arguments],
                cwd=PROJECT_DIR,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=self._limit_descriptors if self.descriptors else None,
            )
        return self._process.pid

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def _limit_descriptors(self) -> None:
        assert self.descriptors is not None
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.descriptors, self.descriptors))

    async def leads(self) -> bool:
        """Whether it answers and leads."""
        return bool((await self.readiness()).get("leader"))

    async def readiness(self) -> dict[str, Any]:
        """What `/readyz` says; nothing while the process does not answer yet."""
        if self._process and self._process.poll() is not None:
            raise AssertionError(f"the process ended with {self._process.returncode}:\n{self.log()[-4000:]}")
        with contextlib.suppress(aiohttp.ClientError, OSError):
            async with self.http.get("/readyz") as answer:
                found: dict[str, Any] = await answer.json()
                return found
        return {}

    def kill(self) -> None:
        """kill -9: nothing is finished, nothing is said."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.send_signal(signal.SIGTERM)
        return await self.ended()

    def send_signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self) -> int:
        """The exit code, when the process has ended by itself."""
        assert self._process is not None
        return await asyncio.to_thread(self._process.wait, STOP_SECONDS)

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        return self._log.read_text("utf-8", "replace") if self._log.exists() else ""

    def shift_clock(self, **duration: float) -> None:
        """Moves the process's wall clock on (or back) at once."""
        offset = float(self._clock_file.read_text()) + timedelta(**duration).total_seconds()
        draft = self._clock_file.with_suffix(".new")
        draft.write_text(str(offset))
        draft.replace(self._clock_file)

    async def operator(self, command: str, **arguments: Any) -> Any:
        """What `warroom …` answers: through the socket, or on the PostgreSQL store itself."""
        if self.settings.uses_sqlite:
            path = self.settings.store.data_dir / SOCKET_FILE
            return await call_running_process(path, command, arguments)
        os.environ[TEST_CLOCK_VARIABLE] = str(self._clock_file)
        try:
            async with build_runtime(self.settings, process_clock()) as runtime:
                return await run_command(OperatorContext(runtime), command, arguments)
        finally:
            del os.environ[TEST_CLOCK_VARIABLE]

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A reading session on the process's database."""
        writing, reading = open_engines(self.settings)
        try:
            async with AsyncSession(reading) as session:
                yield session
        finally:
            await writing.dispose()
            await reading.dispose()

    async def until(self, condition: Any, seconds: float = 40.0) -> Any:
        """Asks `condition` (plain or async) again and again until it is true; its value."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            value = condition()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return value
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"waited {seconds} s in vain; the log ends:\n{self.log()[-6000:]}")
            await asyncio.sleep(0.05)

    async def track(self, *events: Mapping[str, Any], site: str = "docs", **more: Any) -> int:
        """Sends events as a browser does; the status."""
        body = json.dumps({"site": site, "events": list(events), **more})
        headers = {"Content-Type": "text/plain", "User-Agent": BROWSER}
        async with self.http.post("/track", data=body, headers=headers) as answer:
            return answer.status

    async def send_feedback(self, **fields: Any) -> tuple[int, dict[str, Any]]:
        """Sends feedback as the widget does; status and answer."""
        async with self.http.post(
            "/feedback", json={"site": "docs", **fields}, headers={"User-Agent": BROWSER}
        ) as answer:
            return answer.status, await answer.json() if answer.content_length else {}


@asynccontextmanager
async def running_warroom(
    folder: Path,
    database_url: str = "",
    config: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    *,
    start: bool = True,
    arguments: Sequence[str] = (),
    program: str = "bot",
) -> AsyncIterator[WarroomProcess]:
    """A process of its own for one story; ends with it."""
    settings = {**DEFAULT_CONFIG, **(config or {})}
    process = WarroomProcess(folder, database_url, settings, secrets or {}, arguments, program)
    async with aiohttp.ClientSession(process.base_url, timeout=aiohttp.ClientTimeout(total=30)) as http:
        process.http = http
        try:
            if start:
                await process.start()
            yield process
        finally:
            if process.is_running():
                process.kill()


DEFAULT_CONFIG: dict[str, Any] = {
    "sites": [
        {"key": "docs", "name": "Example Docs", "hosts": ["docs.example"], "zone": "UTC", "language": "en"},
    ],
    "prompts": {"hour_from": 0, "hour_to": 24},
    "delivery": {"channel_pace_seconds": 0.0, "retry_seconds": 0.2},
}


def to_toml(tables: Mapping[str, Any]) -> str:
    """Plain nested data as TOML; enough for a configuration file."""
    lines: list[str] = []
    for name, table in tables.items():
        if isinstance(table, list):
            for entry in table:
                lines.append(f"[[{name}]]")
                lines += _pairs(entry)
        else:
            lines.append(f"[{name}]")
            lines += _pairs({key: value for key, value in table.items() if not _is_tables(value)})
            for key, value in table.items():
                if _is_tables(value):
                    lines.append(to_toml({f"{name}.{key}": value}))
    return "\n".join(lines) + "\n"


def _is_tables(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and bool(value) and isinstance(value[0], Mapping))


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {json.dumps(value)}" for key, value in table.items()]
