"""amtool and a real Alertmanager tell the server of an alert, once however often they do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlmodel import select

from shared.store.models import ExternalEvent
from tests.clients.conftest import installed, make_key, run
from tests.ports import free_port
from tests.scenarios.warroom_process import WarroomProcess

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("clients"),
    pytest.mark.timeout(180),
]
CONFIG = """
route:
  receiver: warroom
  group_wait: 0s
  group_interval: 1s
receivers:
  - name: warroom
    webhook_configs:
      - url: {url}/api/v1/alertmanager
        http_config:
          authorization:
            credentials: {key}
"""


async def alerts_of(warroom: WarroomProcess, source: str) -> list[ExternalEvent]:
    async with warroom.read() as session:
        query = select(ExternalEvent).where(ExternalEvent.source == source)
        return list((await session.execute(query)).scalars())


async def test_amtool_adds_an_alert_to_warroom_itself(warroom: WarroomProcess, tmp_path: Path) -> None:
    amtool, key = installed("amtool"), await make_key(warroom, "docs", "alerts:write")
    http = tmp_path / "http.yml"
    http.write_text(f"authorization:\n  credentials: {key}\n")
    add = [amtool, f"--alertmanager.url={warroom.base_url}", f"--http.config.file={http}", "alert", "add"]
    for _ in range(2):
        await run([*add, "CTRDrop", "service=docs", "severity=P1", "--annotation=summary=CTR down"], tmp_path)
    [alert] = await alerts_of(warroom, "api")
    assert (alert.name, alert.status, alert.severity, alert.times_told) == ("CTRDrop", "firing", "P1", 2)
    assert alert.annotations == {"summary": "CTR down"}
    await run([*add, "CTRDrop", "service=docs", "severity=P1", "--end=2020-01-01T00:00:00Z"], tmp_path)
    [alert] = await alerts_of(warroom, "api")
    assert alert.status == "resolved"


async def test_alertmanager_sends_its_webhook(warroom: WarroomProcess, tmp_path: Path) -> None:
    program, amtool = installed("prometheus-alertmanager"), installed("amtool")
    key = await make_key(warroom, "docs", "alerts:write")
    (tmp_path / "alertmanager.yml").write_text(CONFIG.format(url=warroom.base_url, key=key))
    async with running(program, tmp_path) as url:
        add = [amtool, f"--alertmanager.url={url}", "alert", "add", "WebhookDrop", "service=docs", "severity=P2"]

        async def added() -> bool:
            with contextlib.suppress(AssertionError):  # it has not begun to listen
                await run(add, tmp_path)
                return True
            return False

        async def has_status(status: str) -> bool:
            return [alert.status for alert in await alerts_of(warroom, "webhook")] == [status]

        await warroom.until(added, 40)
        await warroom.until(lambda: has_status("firing"), 40)
        await run([*add, "--end=2020-01-01T00:00:00Z"], tmp_path)
        await warroom.until(lambda: has_status("resolved"), 40)
    [alert] = await alerts_of(warroom, "webhook")
    assert (alert.name, alert.severity) == ("WebhookDrop", "P2")


@asynccontextmanager
async def running(program: str, folder: Path) -> AsyncIterator[str]:
    """An Alertmanager of its own, without neighbours; its address."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        program,
        "--config.file=alertmanager.yml",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        cwd=folder,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
