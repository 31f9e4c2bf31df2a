"""Operator commands: the same answer through the socket and on the store itself."""

import json
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
from shared.errors import Conflict, InvalidInput, WarroomError
from shared.guard.data_map import DATA_MAP
from shared.guard.sessions import ensure_member, first_admin
from shared.identifiers import random_uuid
from shared.ingest.erasure import describe_report
from shared.ingest.event_fields import TrackEvent
from shared.ingest.events import Sender
from shared.ingest.identities import note_web_usage
from shared.runtime import Runtime, build_runtime
from shared.runtime.control_socket import call_running_process, serve_commands
from shared.runtime.operator_commands import COMMANDS, OperatorContext, run_command
from shared.store.models import Event, Suppression


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


@pytest.mark.slow
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
        with pytest.raises(WarroomError, match="role: one of viewer, analyst, operator, admin"):
            await call_running_process(path, "sign-in", {"name": "Ada", "role": "boss"})
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


async def test_a_long_export_comes_in_pieces_through_the_socket(runtime: Runtime, tmp_path: Path) -> None:
    now, text = runtime.clock.now(), "ö" * 4000
    site = runtime.settings.sites[0]

    async def use(session: Any) -> None:
        person_id, _ = await note_web_usage(
            session, runtime.settings, runtime.instance_key, site, "ada-0123456789", now
        )
        for number in range(300):
            values = {"received_at": now, "occurred_at": now, "local_day": now.date(), "props": {"said": text}}
            session.add(Event(site="docs", event_id=str(number), name="custom", person_id=person_id, **values))
        await session.flush()

    await runtime.store.writer.run(use)
    arguments = {"platform": "web", "external_id": "docs/ada-0123456789"}
    pieces: list[str] = []
    async with serve_commands(tmp_path / "sock", OperatorContext(runtime)):
        assert await call_running_process(tmp_path / "sock", "export", arguments, pieces.append) is None
        whole = await call_running_process(tmp_path / "sock", "export", arguments)
    assert len(pieces) > 20
    assert json.loads("".join(pieces))["event"] == whole["event"]
    assert len(whole["event"]) == 300
    assert (await ask(runtime, "export", **arguments))["event"] == whole["event"]


async def test_the_report_counts_without_naming(runtime: Runtime) -> None:
    site, now = runtime.settings.sites[0], runtime.clock.now()
    await runtime.store.writer.run(
        lambda session: note_web_usage(session, runtime.settings, runtime.instance_key, site, "ada-0123456789", now)
    )
    await runtime.hasher.visitor("docs", "UTC", "192.0.2.1", "Firefox", now)
    told = await ask(runtime, "privacy-report")
    assert told["people"] == {
        "known": 1,
        "identities": {"web": 1},
        "refused_questions": 0,
        "anonymous_visitor_days": 0,
        "users_of_servers": 0,
    }
    assert (told["erasures"], told["last_purge"]["at"]) == ({"count": 0, "last": None}, None)
    assert told["salts"] == {"days": ["2026-03-11"], "oldest_days": 0}
    (usage,) = [row for row in told["tables"] if row["table"] == "usage_day"]
    assert (usage["rows"], usage["oldest"], usage["kept"]) == (1, "2026-03-11", "1095 days")
    assert {row["table"] for row in told["tables"]} == set(DATA_MAP) - {"visitor_salt", "alembic_version"}
    assert "ada-0123456789" not in json.dumps(told)
    await ask(runtime, "erase", platform="web", external_id="docs/ada-0123456789")
    assert (await ask(runtime, "privacy-report"))["erasures"]["count"] == 1
    assert "usage_day" in describe_report(await ask(runtime, "privacy-report"))


@pytest.mark.parametrize(("site", "day"), [("nosuch", "2026-03-11"), ("docs", "yesterday")])
async def test_counters_of_no_site_or_no_day_are_not_rebuilt(runtime: Runtime, site: str, day: str) -> None:
    with pytest.raises(InvalidInput):
        await ask(runtime, "rollups-rebuild", site=site, day=day)


async def test_a_user_whom_servers_name_is_handed_out_and_erased(runtime: Runtime) -> None:
    event = TrackEvent(id=random_uuid(), name="page_view", page="/bought")
    site, sender = runtime.settings.sites[0], Sender("192.0.2.1", "Firefox")
    await runtime.events.take_events(site, [event], sender, identified="u-42")
    user = {"platform": "user", "external_id": "docs/u-42"}
    assert (await ask(runtime, "privacy-report"))["people"]["users_of_servers"] == 1
    assert [row["page"] for row in (await ask(runtime, "export", **user))["event"]] == ["/bought"]
    (export,) = (await ask(runtime, "export", **user))["audit_entry"][:1]
    assert export["action"] == "person.export"
    assert await ask(runtime, "erase", **user) == "erased"
    assert (await ask(runtime, "privacy-report"))["people"]["users_of_servers"] == 0
    with pytest.raises(WarroomError, match="Nothing is stored"):
        await ask(runtime, "export", **user)


@pytest.mark.parametrize(("platform", "external_id"), [("myspace", "1"), ("web", "only-an-id"), ("user", "42")])
async def test_an_identity_that_cannot_be_is_explained(runtime: Runtime, platform: str, external_id: str) -> None:
    for command in ("export", "erase"):
        with pytest.raises(InvalidInput):
            await ask(runtime, command, platform=platform, external_id=external_id)
