"""Messages and limits of the stand-in, with the real library: what Discord refuses is refused."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import discord
import pytest

from tests.discord_server import faults, permissions
from tests.discord_server.library import running
from tests.discord_server.sample_bot import Bot, Scene, channel_of


async def test_429_with_via_is_waited_for_and_without_is_raised(bot: Bot, scene: Scene) -> None:
    server, channel = scene.server, channel_of(bot, scene)
    for is_global in (False, True):
        server.faults.add("POST", "/channels/*/messages", faults.rate_limited(0.05, is_global=is_global))
        await channel.send("patience")
    assert server.journal.count("POST", "/channels/*/messages", 429) == 2
    server.faults.add("POST", "/channels/*/messages", faults.rate_limited(via=False))
    with pytest.raises(discord.HTTPException) as caught:
        await channel.send("banned")
    assert caught.value.status == 429
    assert len(server.messages_in(scene.channel)) == 2


async def test_the_bucket_and_the_global_limit_hold(bot: Bot, scene: Scene) -> None:
    scene.server.rate_limits.by_route["POST /channels/{channel}/messages"] = (2, 0.2)
    started = scene.server.monotonic()
    for number in range(5):
        await channel_of(bot, scene).send(f"{number}")
    assert scene.server.monotonic() - started > 0.3
    assert scene.server.journal.count(status=429) == 0
    scene.server.rate_limits.global_per_second = 1
    await channel_of(bot, scene).send("now the bot is too fast")
    assert scene.server.journal.count(status=429) > 0


@pytest.mark.parametrize(("status", "raised"), [(503, discord.DiscordServerError), (404, discord.NotFound)])
async def test_scripted_errors_arrive(bot: Bot, scene: Scene, status: int, raised: type[Exception]) -> None:
    fault = faults.server_error(503) if status == 503 else faults.refused(404, 10062)
    scene.server.faults.add(None, "/channels/**", fault)
    with pytest.raises(raised):
        await channel_of(bot, scene).send("no")


async def test_one_nonce_makes_one_message_even_if_the_answer_is_lost(bot: Bot, scene: Scene) -> None:
    channel = channel_of(bot, scene)
    scene.server.faults.add("POST", "/channels/*/messages", faults.dropped_after())
    with pytest.raises((discord.DiscordException, OSError, Exception)) as caught:
        await channel.send("alert", nonce="outbox-17")
    assert "isconnect" in repr(caught.value) or "reset" in repr(caught.value).lower()
    first = await channel.send("alert", nonce="outbox-17")
    again = await channel.send("alert", nonce="outbox-17")
    assert first.id == again.id
    assert len(scene.server.messages_in(scene.channel)) == 1


async def test_missing_allowed_mentions_is_refused(scene: Scene) -> None:
    async with running(Bot(allowed_mentions=None), scene.server) as client:
        with pytest.raises(discord.HTTPException, match="allowed_mentions") as caught:
            await channel_of(client, scene).send("@everyone")
        assert (caught.value.status, caught.value.code) == (400, 50035)


async def test_mentions_ping_only_whom_they_may(bot: Bot, scene: Scene) -> None:
    text = f"{scene.ada.mention} {scene.cy.mention} @everyone"
    await channel_of(bot, scene).send(text)
    await channel_of(bot, scene).send(
        text, allowed_mentions=discord.AllowedMentions(users=[discord.Object(scene.cy.id)])
    )
    quiet, loud = scene.server.messages_in(scene.channel)
    assert (quiet.mentions, loud.mentions, loud.mention_everyone) == ([], [scene.cy], False)


@pytest.mark.parametrize(
    "payload",
    [
        {"embed": discord.Embed(description="x" * 4097)},
        {"embed": discord.Embed(title="😀" * 129)},
        {"embed": discord.Embed(title="t").add_field(name="", value="v")},
        {"embeds": [discord.Embed(description="x" * 4000), discord.Embed(description="x" * 2001)]},
        {"embed": discord.Embed().set_image(url="attachment://missing.png")},
        {"content": "x" * 2001},
        {"content": " "},
        {"content": "x", "nonce": "n" * 26},
        {"view": discord.ui.View(timeout=None).add_item(discord.ui.Button(label="x" * 81))},
    ],
    ids=["description", "utf16", "field", "total", "attachment", "content", "empty", "nonce", "label"],
)
async def test_payloads_over_a_limit_are_refused(bot: Bot, scene: Scene, payload: dict[str, Any]) -> None:
    with pytest.raises(discord.HTTPException) as caught:
        await channel_of(bot, scene).send(**payload)
    assert caught.value.status == 400


async def test_layout_with_a_chart_arrives_whole(bot: Bot, scene: Scene) -> None:
    view = discord.ui.LayoutView(timeout=None)
    gallery: discord.ui.MediaGallery[Any] = discord.ui.MediaGallery(
        discord.MediaGalleryItem("attachment://chart.png", description="falling")
    )
    view.add_item(discord.ui.Container(discord.ui.TextDisplay("# Week"), gallery))
    sent = await channel_of(bot, scene).send(view=view, file=discord.File(io.BytesIO(b"png" * 9), "chart.png"))
    assert await sent.attachments[0].read() == b"png" * 9
    with pytest.raises(discord.HTTPException):
        await channel_of(bot, scene).send(view=view)


async def test_closed_dms_lost_guild_and_too_many_dms(bot: Bot, scene: Scene) -> None:
    server, person = scene.server, await bot.fetch_user(scene.cy.id)
    server.dm_open_limit = 1
    await person.send("hi")
    assert [message.content for message in server.dms_to(scene.cy)] == ["hi"]
    server.close_dms(scene.cy)
    with pytest.raises(discord.Forbidden) as closed:
        await person.send("again")
    server.open_dms(scene.cy)
    server.kick(scene.cy)
    with pytest.raises(discord.Forbidden) as lost:
        await person.send("again")
    with pytest.raises(discord.HTTPException) as too_fast:
        await (await bot.fetch_user(scene.ada.id)).send("hi")
    assert [error.value.code for error in (closed, lost, too_fast)] == [50007, 50278, 40003]


async def test_an_old_message_cannot_be_edited_for_ever(bot: Bot, scene: Scene) -> None:
    message = await channel_of(bot, scene).send("board")
    scene.server.edits_of_old_messages, scene.server.old_edit_retry_seconds = 1, 0.001
    scene.server.world.now = lambda: datetime.now(UTC) + timedelta(hours=2)
    await message.edit(content="board 2")
    with pytest.raises(discord.HTTPException) as caught:
        await message.edit(content="board 3")
    assert caught.value.code == 30046


async def test_five_failures_in_a_row_and_a_slow_answer(bot: Bot, scene: Scene) -> None:
    server = scene.server
    script = server.faults.add("POST", "/channels/*/messages", faults.missing_permissions(), times=None)
    for _ in range(5):
        with pytest.raises(discord.Forbidden):
            await channel_of(bot, scene).send("no")
    server.faults.remove(script)
    server.faults.add("POST", "/channels/*/messages", faults.slow(0.05))
    started = server.monotonic()
    await channel_of(bot, scene).send("yes")
    assert (script.struck, server.monotonic() - started > 0.05) == (5, True)
    assert len(server.journal.invalid_requests) == 5


async def test_permissions_and_threads(bot: Bot, scene: Scene) -> None:
    server, channel = scene.server, channel_of(bot, scene)
    message = await channel.send("incident 3")
    thread = await message.create_thread(name="incident 3")
    await thread.send("looking at it")
    await thread.edit(archived=True)
    await message.edit(content="incident 3 resolved")
    server.deny(scene.channel, server.bot, permissions.SEND_MESSAGES)
    with pytest.raises(discord.Forbidden) as silent:
        await channel.send("no")
    server.deny(scene.channel, server.bot, permissions.VIEW_CHANNEL)
    with pytest.raises(discord.Forbidden) as blind:
        await channel.send("no")
    assert [silent.value.code, blind.value.code] == [50013, 50001]
