"""Settings: members, links, sessions and keys, each shown once, each on record."""

import html
import re
from collections.abc import AsyncIterator
from typing import get_args

import pytest
from sqlmodel import col, select

from shared.runtime import Runtime
from shared.runtime.build import State
from shared.store.models import ApiKey, AuditEntry, Member
from shared.store.models import Session as SignedIn
from tests.api.running_api import RunningApi
from tests.api.signed_in import OWN_PAGE, Browser

SECRET = re.compile(r'<code class="secret">([^<]+)</code>')


@pytest.fixture
async def browser(api: RunningApi, runtime: Runtime) -> AsyncIterator[Browser]:
    async with Browser(runtime) as opened:
        await opened.sign_in("Ada")
        yield opened


async def actions(runtime: Runtime) -> list[str]:
    async with runtime.store.read() as session:
        return list((await session.execute(select(AuditEntry.action).order_by(col(AuditEntry.id)))).scalars())


async def member_id(runtime: Runtime, name: str) -> str:
    async with runtime.store.read() as session:
        return (await session.execute(select(Member.id).where(Member.name == name))).scalar_one()


async def test_an_invited_member_signs_in_with_the_link_that_is_shown_once(browser: Browser, runtime: Runtime) -> None:
    status, page, _ = await browser.post("/app/settings/members", name="Bea", role="analyst")
    found = SECRET.search(page)
    assert status == 200
    assert found is not None
    link = html.unescape(found.group(1))
    assert link.startswith(f"{runtime.settings.base_url}/app/sign-in#")
    assert link.rpartition("#")[2] not in (await browser.get("/app/settings"))[1]
    async with Browser(runtime) as other:
        form = {"token": link.rpartition("#")[2]}
        assert (await other.ask("POST", "/app/sign-in", form, OWN_PAGE))[0] == 303
        assert (await other.get("/app/feedback.csv"))[0] == 200
    assert "member.invite" in await actions(runtime)


@pytest.mark.parametrize("state", get_args(State))
@pytest.mark.parametrize("room", ["/app/settings", "/app/health"])
async def test_a_part_in_any_state_is_shown(browser: Browser, runtime: Runtime, room: str, state: State) -> None:
    runtime.parts.set("a part", state, "a sentence")
    status, page, _ = await browser.get(room)
    assert status == 200
    assert "a part" in page


@pytest.mark.parametrize(("name", "role"), [("", "viewer"), ("Bea", "owner"), ("x" * 61, "viewer"), ("Ada", "viewer")])
async def test_an_invitation_that_cannot_be_says_why(browser: Browser, name: str, role: str) -> None:
    status, page, _ = await browser.post("/app/settings/members", name=name, role=role)
    assert status in (400, 409)
    assert 'role="alert"' in page


async def test_a_new_role_ends_the_sessions_of_the_member(browser: Browser, runtime: Runtime) -> None:
    async with Browser(runtime) as other:
        bea = await other.sign_in("Bea", "viewer")
        status, _, headers = await browser.post(f"/app/settings/members/{bea}/role", role="operator")
        assert (status, headers["Location"]) == (303, "/app/settings?said=role")
        assert (await other.get("/app"))[0] == 303


async def test_the_last_admin_stays(browser: Browser, runtime: Runtime) -> None:
    ada = await member_id(runtime, "Ada")
    for path, form in (("role", {"role": "viewer"}), ("access", {"disabled": "yes"})):
        status, page, _ = await browser.post(f"/app/settings/members/{ada}/{path}", **form)
        assert status == 409
        assert "last admin" in page


async def test_a_disabled_member_may_come_back(browser: Browser, runtime: Runtime) -> None:
    async with Browser(runtime) as other:
        bea = await other.sign_in("Bea", "viewer")
        assert (await browser.post(f"/app/settings/members/{bea}/access", disabled="yes"))[0] == 303
        assert (await other.get("/app"))[0] == 303
        assert (await browser.post(f"/app/settings/members/{bea}/link"))[0] == 409
        assert (await browser.post(f"/app/settings/members/{bea}/access", disabled="no"))[0] == 303
        await other.sign_in("Bea")
        assert (await other.get("/app"))[0] == 200
    assert {"member.disable", "member.enable"} <= set(await actions(runtime))


async def test_a_session_is_ended_from_afar(browser: Browser, runtime: Runtime) -> None:
    async with Browser(runtime) as other:
        bea = await other.sign_in("Bea", "viewer")
        async with runtime.store.read() as session:
            found = (await session.execute(select(SignedIn.id).where(SignedIn.member_id == bea))).scalar_one()
        assert (await browser.post(f"/app/settings/sessions/{found}/end"))[0] == 303
        assert (await other.get("/app"))[0] == 303


async def test_a_key_is_shown_once_and_works_until_revoked(browser: Browser, api: RunningApi, runtime: Runtime) -> None:
    form = {"name": "ci", "site": "docs", "scope events:write": "on"}
    status, page, _ = await browser.post("/app/settings/keys", **form)
    found = SECRET.search(page)
    assert status == 200
    assert found is not None
    key = {"Authorization": f"Bearer {found.group(1)}"}
    event = {"id": "e" * 12, "name": "deploy"}
    assert (await api.track(event, headers=key)).status == 202
    async with runtime.store.read() as session:
        stored = (await session.execute(select(ApiKey))).scalar_one()
    assert stored.scopes == ["events:write"]
    assert found.group(1) not in (await browser.get("/app/settings"))[1]
    assert (await browser.post(f"/app/settings/keys/{stored.id}/revoke"))[0] == 303
    assert (await api.track({"id": "f" * 12, "name": "deploy"}, headers=key)).status == 401


async def test_loading_the_page_with_the_key_again_makes_no_second_one(browser: Browser, runtime: Runtime) -> None:
    form = {"name": "ci", "site": "docs", "scope events:write": "on"}
    assert (await browser.post("/app/settings/keys", **form))[0] == 200
    status, page, _ = await browser.post("/app/settings/keys", **form)
    assert (status, SECRET.search(page)) == (409, None)
    assert "There is a key called ci already." in page
    async with runtime.store.read() as session:
        stored = (await session.execute(select(ApiKey))).scalar_one()
    assert (await browser.post(f"/app/settings/keys/{stored.id}/revoke"))[0] == 303
    assert (await browser.post("/app/settings/keys", **form))[0] == 200  # its name is free again


@pytest.mark.parametrize(
    "form",
    [
        {"name": "", "site": "docs", "scope events:write": "on"},
        {"name": "ci", "site": "docs"},
        {"name": "ci", "site": "nowhere", "scope events:write": "on"},
    ],
)
async def test_a_key_without_what_it_needs_is_refused(browser: Browser, form: dict[str, str]) -> None:
    status, page, _ = await browser.post("/app/settings/keys", **form)
    assert status == 400
    assert 'role="alert"' in page


async def test_appearance_is_a_cookie(browser: Browser) -> None:
    _, _, headers = await browser.post("/app/appearance", theme="dark", back="/app/settings")
    assert headers["Location"] == "/app/settings"
    assert 'data-theme="dark"' in (await browser.get("/app"))[1]
    await browser.post("/app/appearance", theme="neon", keys="off")
    page = (await browser.get("/app"))[1]
    assert 'data-theme="dark"' in page
    assert 'data-keys="off"' in page
