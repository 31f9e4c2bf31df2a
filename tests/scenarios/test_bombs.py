"""Bodies that are small on the wire and huge when inflated: refused, and the process is no larger at any moment."""

import asyncio
import gzip
import zlib
from pathlib import Path

import pytest

from tests.scenarios.load import WITHOUT_LIMITS
from tests.scenarios.warroom_process import WarroomProcess, running_warroom

MEGABYTES = 200
AT_ONCE = 4
MOST_GROWTH = 64 * 1024 * 1024  # of the keyed routes, which may inflate some megabytes each; one bomb would be 200
ANSWERS = {"/track": 415, "/feedback": 415, "/v1/batch": 413, "/batch/": 413}


def bomb() -> bytes:
    packer = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    megabyte = b" " * 1024 * 1024
    return b"".join([packer.compress(b"["), *(packer.compress(megabyte) for _ in range(MEGABYTES)), packer.flush()])


def most_memory(warroom: WarroomProcess) -> int:
    """The most that the process ever had in memory, in bytes."""
    lines = Path(f"/proc/{warroom.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the most memory of a process")
async def test_no_bomb_goes_off(tmp_path: Path) -> None:
    body = bomb()
    async with running_warroom(tmp_path, "", {"limits": WITHOUT_LIMITS}) as warroom:
        made = await warroom.operator("key-create", name="sdk", site="docs", scopes=["events:write"])
        for path in ANSWERS:  # what is loaded at first use is no growth
            await send(warroom, path, gzip.compress(b"[]"), made["key"])
        before = most_memory(warroom)
        for path, status in ANSWERS.items():
            heard = await asyncio.gather(*(send(warroom, path, body, made["key"]) for _ in range(AT_ONCE)))
            assert heard == [status] * AT_ONCE, path
        grown = most_memory(warroom) - before
        assert await warroom.track({"id": "after-the-bombs", "name": "page_view", "page": "/"}) == 202
    print(f"{len(body) / 1e3:.0f} kB for {MEGABYTES} MB: {grown / 1e6:+.1f} MB")
    assert grown <= MOST_GROWTH


async def send(warroom: WarroomProcess, path: str, body: bytes, key: str) -> int:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    async with warroom.http.post(path, data=body, headers=headers) as answer:
        await answer.read()
        return answer.status
