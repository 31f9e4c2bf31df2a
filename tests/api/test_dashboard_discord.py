"""Signing in with Discord, against the strict stand-in: roles decide, states and codes work once."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlmodel import col, select

from api.server import serve
from shared.clock import ManualClock
from shared.config import Settings, load_settings
from shared.deliver.egress import Egress, origin_of
from shared.errors import NotAllowed
from shared.runtime import Runtime, build_runtime
from shared.store.models import Member
from tests.api.signed_in import Browser
from tests.conftest import SITES
from tests.discord_server import DiscordServer
from tests.ports import free_port


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as running:
        running.add_guild("Team")
        yield running


@pytest.fixture
async def team(tmp_path: Path, database_url: str, clock: ManualClock, discord: DiscordServer) -> AsyncIterator[Runtime]:
    """A runtime that lets the server's operators and viewers in."""
    guild = next(iter(discord.world.guilds.values()))
    roles = {name: discord.add_role(guild, name) for name in ("viewer", "operator")}
    port = free_port()
    environment = {
        "WARROOM_DATA_DIR": str(tmp_path / "data"),
        "WARROOM_SECRET_KEY": "0" * 64,
        "WARROOM_DISCORD_CLIENT_SECRET": discord.oauth.client_secret,
        **({"DATABASE_URL": database_url} if database_url else {}),
    }
    sections = {
        "war_room_guild": guild.id,
        "war_room_channel": 1,
        "client_id": str(discord.world.application_id),
        "api_base": discord.api_base,
        "viewer_roles": [roles["viewer"].id],
        "operator_roles": [roles["operator"].id],
    }
    settings = load_settings(environment, None, sites=SITES, server={"port": port}, discord=sections)
    discord.oauth.redirect_uris.add(f"{settings.base_url}/app/sign-in/discord")
    discord.oauth.user = discord.add_member("bea", [roles["operator"]])
    async with build_runtime(settings, clock) as runtime, serve(runtime):
        yield runtime


async def agree(browser: Browser) -> dict[str, str]:
    """Presses the button and agrees on Discord's page; what Discord sends back."""
    status, _, headers = await browser.get("/app/sign-in/discord/start")
    assert status == 303
    async with browser.http.get(headers["Location"], allow_redirects=False) as answer:
        assert answer.status == 302, await answer.text()
        returned = parse_qs(urlsplit(answer.headers["Location"]).query)
    return {name: values[0] for name, values in returned.items()}


async def come_back(browser: Browser, **query: str) -> tuple[int, str]:
    url = f"{browser.base_url}/app/sign-in/discord"
    async with browser.http.get(url, params=query, allow_redirects=False) as answer:
        return answer.status, await answer.text()


async def test_an_operator_of_the_server_is_let_in(team: Runtime) -> None:
    async with Browser(team) as browser:
        assert "Sign in with Discord" in (await browser.get("/app/sign-in"))[1]
        returned = await agree(browser)
        assert (await come_back(browser, **returned))[0] == 303
        assert (await browser.get("/app"))[0] == 200
        assert (await browser.get("/app/settings"))[0] == 403
    async with team.store.read() as session:
        member = (await session.execute(select(Member))).scalar_one()
    assert (member.name, member.role) == ("bea", "operator")


async def test_a_return_works_once(team: Runtime) -> None:
    async with Browser(team) as browser:
        returned = await agree(browser)
        await come_back(browser, **returned)
        assert (await come_back(browser, **returned))[0] == 401


async def test_a_state_of_another_browser_is_refused(team: Runtime) -> None:
    async with Browser(team) as browser, Browser(team) as other:
        returned = await agree(browser)
        assert (await come_back(other, **returned))[0] == 401
        await agree(other)
        assert (await come_back(other, **returned))[0] == 401


async def test_who_has_no_role_is_told_so(team: Runtime, discord: DiscordServer) -> None:
    discord.oauth.user = discord.add_member("cy")
    async with Browser(team) as browser:
        status, page = await come_back(browser, **await agree(browser))
        assert status == 403
        assert "do not open the dashboard" in page


async def test_who_is_not_on_the_server_is_told_so(team: Runtime, discord: DiscordServer) -> None:
    discord.oauth.user = discord.add_user("eve")
    async with Browser(team) as browser:
        assert (await come_back(browser, **await agree(browser)))[0] == 403


async def test_who_refuses_may_try_again(team: Runtime, discord: DiscordServer) -> None:
    discord.oauth.denies = True
    async with Browser(team) as browser:
        status, page = await come_back(browser, **await agree(browser))
        assert status == 401
        assert "start it again" in page


async def test_an_accounts_name_takes_over_nobody(team: Runtime, discord: DiscordServer) -> None:
    async with Browser(team) as browser:
        await browser.sign_in("bea")
    async with Browser(team) as other:
        assert (await come_back(other, **await agree(other)))[0] == 303
    async with team.store.read() as session:
        members = (await session.execute(select(Member).order_by(col(Member.created_at)))).scalars().all()
    assert sorted(member.role for member in members) == ["admin", "operator"]


FORBIDDEN = [
    "http://127.0.0.1/x",
    "https://discord.com.evil.test/x",
    "https://discord.com@evil.test/x",
    "https://evil.test@discord.com/x",
    "http://discord.com/x",
    "https://discord.com:8443/x",
    "https://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
    "//discord.com/x",
]


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_outgoing_requests_go_to_known_origins_only(settings: Settings, url: str) -> None:
    with pytest.raises(NotAllowed):
        await Egress(settings).get_json(url)


def test_an_origin_is_scheme_host_and_port() -> None:
    assert origin_of("https://discord.com:443/a?b") == "https://discord.com"
    assert origin_of("http://[::1]:81/x") == "http://[::1]:81"
