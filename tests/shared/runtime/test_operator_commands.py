"""Operator commands: the same answer through the socket and on the store itself."""

import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from shared.clock import ManualClock
from shared.config import Settings
from shared.errors import Conflict, WarroomError
from shared.guard.sessions import ensure_member, first_admin
from shared.runtime import Runtime, build_runtime
from shared.runtime.control_socket import call_running_process, serve_commands
from shared.runtime.operator_commands import COMMANDS, OperatorContext, run_command
from shared.store.models import Suppression


@pytest.fixture
async def runtime(settings: Settings, clock: ManualClock) -> AsyncIterator[Runtime]:
    async with build_runtime(settings, clock) as built:
        yield built


async def ask(runtime: Runtime, command: str, **arguments: Any) -> Any:
    return await run_command(OperatorContext(runtime), command, arguments)


async def test_the_first_member_becomes_admin_and_others_need_a_role(runtime: Runtime) -> None:
    link = await ask(runtime, "sign-in", name="Ada", role=None)
    assert link.startswith("http://127.0.0.1:8080/app/sign-in#")
    with pytest.raises(WarroomError, match="which role"):
        await ask(runtime, "sign-in", name="Bea", role=None)
    await ask(runtime, "sign-in", name="Bea", role="viewer")
    members = await ask(runtime, "members")
    assert [(member["name"], member["role"]) for member in members] == [("Ada", "admin"), ("Bea", "viewer")]


async def add_discord_member(runtime: Runtime, name: str, role: str) -> None:
    now = runtime.clock.now()
    await runtime.store.writer.run(lambda session: ensure_member(session, name, role, now, discord_id="77"))


async def test_a_name_on_discord_is_never_taken_for_the_operators_member(runtime: Runtime) -> None:
    await add_discord_member(runtime, "Ada", "viewer")
    with pytest.raises(Conflict, match="with Discord is called Ada already"):
        await ask(runtime, "sign-in", name="Ada", role="admin")
    assert [member["role"] for member in await ask(runtime, "members")] == ["viewer"]


async def test_without_an_admin_the_operators_member_becomes_admin(runtime: Runtime) -> None:
    await add_discord_member(runtime, "Cy", "operator")
    await ask(runtime, "sign-in", name="Ada", role=None)
    members = await ask(runtime, "members")
    assert [(member["name"], member["role"]) for member in members] == [("Ada", "admin"), ("Cy", "operator")]


def test_a_first_command_leaves_private_files(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    environment = {**os.environ, "WARROOM_DATA_DIR": str(folder)}
    subprocess.run([sys.executable, "-m", "shared", "members"], env=environment, umask=0o022, check=True)
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in folder.iterdir()} == {0}


async def test_keys_are_made_listed_and_revoked(runtime: Runtime) -> None:
    made = await ask(runtime, "key-create", name="mailer", site="docs", scopes=["prompts:write"])
    assert made["key"].startswith("wr_")
    assert made["key"] not in str(await ask(runtime, "key-list"))
    await ask(runtime, "key-revoke", id=made["id"])
    assert (await ask(runtime, "key-list"))[0]["revoked"] is True


async def test_a_key_for_an_unknown_site_is_refused(runtime: Runtime) -> None:
    with pytest.raises(WarroomError, match="no site"):
        await ask(runtime, "key-create", name="x", site="nowhere", scopes=["events:write"])


async def test_erasing_an_unknown_identity_keeps_its_hash(runtime: Runtime) -> None:
    with pytest.raises(WarroomError, match="Nothing is stored"):
        await ask(runtime, "erase", platform="discord", external_id="42")
    async with runtime.store.read() as session:
        assert (await session.execute(select(Suppression))).scalar_one()


async def test_a_wrong_command_or_job_says_what_is_known(runtime: Runtime) -> None:
    with pytest.raises(WarroomError, match="no command"):
        await ask(runtime, "format-disk")
    with pytest.raises(WarroomError, match="send-due-prompts"):
        await ask(runtime, "run-job", name="nothing")


async def test_every_job_runs_on_an_empty_store(runtime: Runtime) -> None:
    from shared.jobs.job_table import JOBS

    for job in JOBS:
        assert (await ask(runtime, "run-job", name=job.name))["done"] is not None


async def test_the_socket_answers_only_its_owner(runtime: Runtime, settings: Settings) -> None:
    path = settings.store.data_dir / "warroom.sock"
    path.parent.mkdir(parents=True, exist_ok=True)
    async with serve_commands(path, OperatorContext(runtime)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        status = await call_running_process(path, "status", {})
        assert "outbox" in status
        with pytest.raises(WarroomError, match="no command"):
            await call_running_process(path, "nothing", {})
    assert not path.exists()
    assert {"sign-in", "export", "erase"} <= COMMANDS.keys()


async def test_the_start_greets_the_longest_standing_admin(runtime: Runtime, clock: ManualClock) -> None:
    async with runtime.store.read() as session:
        assert await first_admin(session) is None
    await ask(runtime, "sign-in", name="Ada", role=None)
    clock.advance(seconds=1)
    await ask(runtime, "sign-in", name="Bea", role="admin")
    async with runtime.store.read() as session:
        admin = await first_admin(session)
    assert admin is not None
    assert admin.name == "Ada"
