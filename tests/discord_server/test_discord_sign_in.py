"""The sign-in of the stand-in: strict about client, redirect, state, PKCE; codes work once."""

import base64
import hashlib
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from tests.discord_server import DiscordServer

VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
REDIRECT = "http://127.0.0.1:8080/app/sign-in/discord"


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as running:
        running.add_guild("Docs")
        running.oauth.redirect_uris.add(REDIRECT)
        running.oauth.user = running.add_member("bea")
        yield running


def make_query(server: DiscordServer) -> dict[str, str]:
    return {
        "client_id": str(server.world.application_id),
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": "identify guilds.members.read",
        "state": "s" * 20,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }


def make_form(server: DiscordServer, code: str, verifier: str = VERIFIER) -> dict[str, str]:
    return {
        "client_id": str(server.world.application_id),
        "client_secret": server.oauth.client_secret,
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": verifier,
    }


async def agree(session: aiohttp.ClientSession, server: DiscordServer) -> dict[str, list[str]]:
    async with session.get(server.authorize_url, params=make_query(server), allow_redirects=False) as answer:
        assert answer.status == 302
        return parse_qs(urlsplit(answer.headers["Location"]).query)


async def test_a_code_is_exchanged_once_and_opens_the_member(server: DiscordServer) -> None:
    guild = next(iter(server.world.guilds.values()))
    async with aiohttp.ClientSession() as session:
        answer = await agree(session, server)
        assert answer["state"] == ["s" * 20]
        token_url = f"{server.api_base}/oauth2/token"
        async with session.post(token_url, data=make_form(server, answer["code"][0])) as response:
            token = (await response.json())["access_token"]
        async with session.post(token_url, data=make_form(server, answer["code"][0])) as response:
            assert (response.status, (await response.json())["error"]) == (400, "invalid_grant")
        headers = {"Authorization": f"Bearer {token}"}
        async with session.get(f"{server.api_base}/users/@me", headers=headers) as response:
            assert (await response.json())["username"] == "bea"
        async with session.get(f"{server.api_base}/users/@me/guilds/{guild.id}/member", headers=headers) as response:
            assert response.status == 200
        async with session.get(f"{server.api_base}/users/@me/guilds", headers=headers) as response:
            assert response.status == 403


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("client_id", "1"),
        ("redirect_uri", "http://evil.test/"),
        ("state", ""),
        ("code_challenge_method", "plain"),
        ("code_challenge", "short"),
        ("scope", "bot"),
    ],
)
async def test_a_wrong_request_is_never_redirected(server: DiscordServer, key: str, value: str) -> None:
    query = {**make_query(server), key: value}
    async with (
        aiohttp.ClientSession() as session,
        session.get(server.authorize_url, params=query, allow_redirects=False) as answer,
    ):
        assert answer.status == 400


async def test_a_wrong_verifier_or_secret_or_body_is_refused(server: DiscordServer) -> None:
    async with aiohttp.ClientSession() as session:
        url = f"{server.api_base}/oauth2/token"
        code = (await agree(session, server))["code"][0]
        async with session.post(url, json=make_form(server, code)) as response:
            assert response.status == 400
        async with session.post(url, data={**make_form(server, code), "client_secret": "guessed"}) as response:
            assert response.status == 401
        async with session.post(url, data=make_form(server, code, "w" * 64)) as response:
            assert response.status == 400


async def test_refusing_is_told_to_the_application(server: DiscordServer) -> None:
    server.oauth.denies = True
    async with aiohttp.ClientSession() as session:
        assert (await agree(session, server))["error"] == ["access_denied"]
