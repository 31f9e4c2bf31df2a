"""The gateway of the stand-in: coming back, being refused, what content is shown."""

import asyncio
import json
from typing import Any

import aiohttp
import discord
import pytest
from discord.backoff import ExponentialBackoff

from tests.discord_server import DiscordServer, intents
from tests.discord_server.library import running
from tests.discord_server.sample_bot import Bot, Scene, channel_of


async def test_resume_replays_what_was_missed(bot: Bot, scene: Scene) -> None:
    server = scene.server
    server.gateway.is_silent = True
    server.user_message(scene.ada, scene.channel, "missed", [server.bot])
    server.gateway.is_silent = False
    server.gateway.ask_to_reconnect()
    await server.wait_for(lambda: server.gateway.resumed_at)
    server.user_message(scene.ada, scene.channel, "live", [server.bot])
    while len(bot.seen) < 2:
        await asyncio.sleep(0.001)
    assert [message.content.split()[-1] for message in bot.seen] == ["missed", "live"]
    assert len(server.gateway.identified_at) == 1


@pytest.mark.parametrize(("code", "identifies"), [(4000, 1), (4009, 2)])
async def test_a_closed_gateway_comes_back(
    bot: Bot, scene: Scene, code: int, identifies: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ExponentialBackoff, "delay", lambda self: 0.01)
    scene.server.gateway.close_all(code)
    await scene.server.wait_for(lambda: not scene.server.gateway.is_connected)
    await scene.server.wait_until_ready()
    assert len(scene.server.gateway.identified_at) == identifies


async def test_an_invalid_session_identifies_again(bot: Bot, scene: Scene) -> None:
    scene.server.gateway.invalidate(resumable=False)
    await scene.server.wait_for(lambda: len(scene.server.gateway.identified_at) == 2)


async def test_down_and_up_on_the_same_port(bot: Bot, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ExponentialBackoff, "delay", lambda self: 0.01)
    await scene.server.go_down()
    with pytest.raises(OSError):
        await channel_of(bot, scene).send("nobody listens")
    await scene.server.come_up()
    await scene.server.wait_until_ready()
    assert await channel_of(bot, scene).send("back") is not None


async def test_wrong_token_and_unapproved_intents_are_fatal(scene: Scene) -> None:
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with running(Bot(intents=discord.Intents.all()), scene.server):
            pass
    scene.server.privileged_intents = intents.PRIVILEGED
    async with running(Bot(intents=discord.Intents.all()), scene.server) as client:
        guild = client.get_guild(scene.guild.id)
        assert guild is not None
        assert len(await guild.query_members("cy")) == 1
        assert guild.get_member(scene.cy.id) is not None
    scene.server.token = "changed"
    client = Bot()
    with pytest.raises(discord.LoginFailure):
        await client.login("old")
    await client.close()


async def test_content_is_hidden_unless_it_concerns_the_bot(bot: Bot, scene: Scene) -> None:
    server = scene.server
    server.user_message(scene.ada, scene.channel, "private talk")
    server.user_message(scene.ada, scene.channel, "hello", [server.bot])
    server.dm(scene.cy, "only for you")
    while len(bot.seen) < 3:
        await asyncio.sleep(0.001)
    assert [message.content for message in bot.seen] == ["", f"{server.bot.mention} hello", "only for you"]
    history = [message.content async for message in channel_of(bot, scene).history(oldest_first=True)]
    assert history == ["", f"{server.bot.mention} hello"]


IDENTIFY = {"op": 2, "d": {"token": "TOKEN", "intents": 1, "properties": {}}}


async def talk(server: DiscordServer, *frames: dict[str, Any] | str) -> tuple[list[dict[str, Any]], int | None]:
    """Sends raw frames; what came back, and the code the server closed with."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{server.gateway_url}?v=10&encoding=json") as socket,
    ):
        for frame in frames:
            text = frame if isinstance(frame, str) else json.dumps(frame)
            await socket.send_str(text.replace("TOKEN", server.token))
        received: list[dict[str, Any]] = []
        while True:
            try:
                message = await socket.receive(timeout=0.05)
            except TimeoutError:
                return received, None
            if message.type is not aiohttp.WSMsgType.TEXT:
                return received, socket.close_code
            received.append(message.json())


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([{"op": 77, "d": None}], 4001),
        (["no json"], 4002),
        ([{"op": 3, "d": {}}], 4003),
        ([{"op": 2, "d": {"token": "wrong", "intents": 1, "properties": {}}}], 4004),
        ([IDENTIFY, IDENTIFY], 4005),
        ([{"op": 1, "d": None}] * 121, 4008),
        ([{"op": 2, "d": {"token": "TOKEN", "intents": 1 << 40, "properties": {}}}], 4013),
        ([{"op": 2, "d": {"token": "TOKEN", "intents": 1 << 15, "properties": {}}}], 4014),
    ],
)
async def test_bad_frames_close_with_their_code(scene: Scene, frames: list[Any], code: int) -> None:
    _, closed_with = await talk(scene.server, *frames)
    assert closed_with == code


async def test_hello_beats_ready_and_only_the_bots_own_member(scene: Scene) -> None:
    received, code = await talk(scene.server, {"op": 1, "d": None}, IDENTIFY)
    assert [frame["t"] or frame["op"] for frame in received] == [10, 11, "READY", "GUILD_CREATE"]
    assert [member["user"]["username"] for member in received[3]["d"]["members"]] == ["warroom"]
    assert code is None


async def test_unknown_sessions_and_impossible_sequences_cannot_be_resumed(scene: Scene) -> None:
    received, _ = await talk(scene.server, {"op": 6, "d": {"token": "TOKEN", "session_id": "lost", "seq": 1}})
    assert (received[-1]["op"], received[-1]["d"]) == (9, False)
    received, _ = await talk(scene.server, IDENTIFY)
    scene.server.gateway.drop_all()
    session = received[1]["d"]["session_id"]
    _, code = await talk(scene.server, {"op": 6, "d": {"token": "TOKEN", "session_id": session, "seq": 999}})
    assert code == 4007
