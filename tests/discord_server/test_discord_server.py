"""The stand-in, proved with the real library: what Discord accepts passes, what it refuses is refused."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from typing import Any

import discord
import pytest
from discord import app_commands

from tests.discord_server import DiscordServer, NoAnswer, NotAllowed, UnknownCommand, faults, intents, permissions
from tests.discord_server.library import library_points_at, running

SILENT = discord.AllowedMentions.none()


class Score(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"score:(?P<entry>\d+)"):
    def __init__(self, entry: str) -> None:
        super().__init__(discord.ui.Button(label="Good", custom_id=f"score:{entry}"))
        self.entry = entry

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: discord.ui.Item[Any], match: re.Match[str]
    ) -> "Score":
        return cls(match["entry"])

    async def callback(self, interaction: discord.Interaction) -> None:
        await interaction.response.edit_message(content=f"thanks for {self.entry}", view=None)


class Form(discord.ui.Modal, title="Feedback"):
    text = discord.ui.Label(
        text="What went wrong?", component=discord.ui.TextInput(style=discord.TextStyle.paragraph, max_length=1000)
    )
    score = discord.ui.Label(
        text="How was it?",
        component=discord.ui.RadioGroup(
            options=[discord.RadioGroupOption(label=f"{n}", value=f"{n}") for n in range(1, 6)]
        ),
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(
            f"{self.text.component.value} {self.score.component.value}", ephemeral=True
        )


class Bot(discord.Client):
    def __init__(self, **options: Any) -> None:
        options = {"allowed_mentions": SILENT, "guild_ready_timeout": 0, **options}
        wanted = options.pop("intents", discord.Intents.default())
        super().__init__(intents=wanted, **options)
        self.tree = app_commands.CommandTree(self)
        self.seen: list[discord.Message] = []
        self.submits: list[str] = []
        self.errors: list[Exception] = []
        self.tree.error(self.on_tree_error)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """The library would sleep 5 s here."""

    async def on_tree_error(self, interaction: discord.Interaction, error: app_commands.AppCommandError) -> None:
        self.errors.append(getattr(error, "original", error))

    async def setup_hook(self) -> None:
        self.add_dynamic_items(Score)
        add_commands(self.tree)
        await self.tree.sync()

    async def on_message(self, message: discord.Message) -> None:
        self.seen.append(message)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        if interaction.type is discord.InteractionType.modal_submit:
            assert interaction.data is not None
            self.submits.append(str(interaction.data["custom_id"]))


def add_commands(tree: app_commands.CommandTree[Any]) -> None:
    group = app_commands.Group(name="feedback", description="Tell us")

    @group.command(description="Send feedback")
    async def send(interaction: discord.Interaction, text: str, page: str | None = None) -> None:
        await interaction.response.send_message(f"noted: {text}", ephemeral=True)

    @send.autocomplete("page")
    async def pages(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return [
            app_commands.Choice(name=page, value=page) for page in ("install", "intro", "api") if page.startswith(typed)
        ]

    @group.command(description="Open the form")
    async def form(interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(Form())

    @group.command(description="Take your time")
    async def slow(interaction: discord.Interaction, seconds: float = 0.0) -> None:
        await asyncio.sleep(seconds)
        await interaction.response.defer(ephemeral=True, thinking=True)
        await interaction.followup.send("first", file=discord.File(io.BytesIO(b"png"), "chart.png"))
        await interaction.followup.send("second", ephemeral=True)

    @group.command(description="Answer twice")
    async def twice(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("one")
        interaction.response._response_type = None
        await interaction.response.send_message("two")

    @tree.command(description="Team only")
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.guild_only()
    async def war(interaction: discord.Interaction) -> None:
        view = discord.ui.View(timeout=None).add_item(Score("7"))
        await interaction.response.send_message("how was it?", view=view)

    @tree.context_menu(name="Report as feedback")
    async def report(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.send_message(f"kept: {message.content}", ephemeral=True)

    tree.add_command(group)


class Scene:
    """Ada owns, Bea is on the team, Cy must be refused."""

    def __init__(self, server: DiscordServer) -> None:
        self.server = server
        self.ada = server.add_user("ada")
        self.guild = server.add_guild("Docs", owner=self.ada)
        self.channel = server.add_channel(self.guild, "general")
        self.cy = server.add_member("cy")


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with DiscordServer() as server:
        with library_points_at(server):
            yield Scene(server)


@pytest.fixture
async def bot(scene: Scene) -> AsyncIterator[Bot]:
    async with running(Bot(), scene.server) as client:
        yield client
    assert scene.server.journal.unknown_routes == []


def channel_of(bot: Bot, scene: Scene) -> discord.TextChannel:
    channel = bot.get_channel(scene.channel.id)
    assert isinstance(channel, discord.TextChannel)
    return channel


async def test_login_sync_slash_and_clean_close(scene: Scene) -> None:
    async with running(Bot(), scene.server):
        outcome = await scene.server.slash(
            scene.cy, "feedback send", {"text": "nice"}, channel=scene.channel, locale="de"
        )
    assert (outcome.content, outcome.ephemeral, outcome.payload["locale"]) == ("noted: nice", True, "de")
    assert scene.server.messages_in(scene.channel) == []
    # The library asks for 1000, but its receiving task may wake first and say 4000; None would be a cut line.
    assert scene.server.journal.closes in ([1000], [4000])
    assert scene.server.journal.unknown_routes == []


async def test_an_unsynced_command_does_not_exist(bot: Bot, scene: Scene) -> None:
    with pytest.raises(UnknownCommand):
        await scene.server.slash(scene.cy, "weather", channel=scene.channel)


async def test_default_permissions_and_contexts_hide_a_command(bot: Bot, scene: Scene) -> None:
    with pytest.raises(NotAllowed):
        await scene.server.slash(scene.cy, "war", channel=scene.channel)
    with pytest.raises(NotAllowed):
        await scene.server.slash(scene.ada, "war")
    outcome = await scene.server.slash(scene.ada, "war", channel=scene.channel)
    assert scene.server.messages_in(scene.channel) == [outcome.original]


async def test_defer_then_followups_with_a_file(bot: Bot, scene: Scene) -> None:
    outcome = await scene.server.slash(scene.cy, "feedback slow", channel=scene.channel)
    await outcome.wait_for_followups(1)
    assert (outcome.content, outcome.files, outcome.ephemeral) == ("first", {"chart.png": b"png"}, True)
    assert [message.content for message in outcome.followups] == ["second"]


async def test_a_late_answer_is_refused(bot: Bot, scene: Scene) -> None:
    scene.server.interactions.answer_within_seconds = 0.05
    outcome = await scene.server.slash(
        scene.cy, "feedback slow", {"seconds": 0.2}, channel=scene.channel, expect_answer=False
    )
    await scene.server.wait_for(lambda: outcome.refusals)
    assert outcome.timed_out
    assert [(error.status, error.code) for error in outcome.refusals] == [(404, 10062)]


async def test_a_second_first_answer_is_refused(bot: Bot, scene: Scene) -> None:
    outcome = await scene.server.slash(scene.cy, "feedback twice", channel=scene.channel)
    await scene.server.wait_for(lambda: outcome.refusals)
    assert outcome.content == "one"
    assert [(error.status, error.code) for error in outcome.refusals] == [(400, 40060)]


async def test_autocomplete_suggests(bot: Bot, scene: Scene) -> None:
    outcome = await scene.server.autocomplete(scene.cy, "feedback send", "page", "in", channel=scene.channel)
    assert [choice["value"] for choice in outcome.choices] == ["install", "intro"]


async def test_message_command_brings_the_content(bot: Bot, scene: Scene) -> None:
    message = scene.server.user_message(scene.ada, scene.channel, "the docs are wrong")
    outcome = await scene.server.message_command(scene.cy, "Report as feedback", message)
    assert outcome.content == "kept: the docs are wrong"


async def test_modal_alive_and_lost_after_a_restart(scene: Scene) -> None:
    server = scene.server
    async with running(Bot(), server):
        opened = await server.slash(scene.cy, "feedback form", channel=scene.channel)
        done = await server.submit_modal(scene.cy, opened, {"What went wrong?": "links", "How was it?": "4"})
        assert done.content == "links 4"
        lost = await server.slash(scene.cy, "feedback form", channel=scene.channel)
    async with running(Bot(), server) as second:
        server.interactions.answer_within_seconds = 0.1
        values = {"What went wrong?": "links", "How was it?": "4"}
        with pytest.raises(NoAnswer):
            await server.submit_modal(scene.cy, lost, values)
        assert len(second.submits) == 1
        with pytest.raises(NotAllowed):
            await server.submit_modal(scene.ada, lost, values)


async def test_a_button_works_after_a_restart(scene: Scene) -> None:
    server = scene.server
    async with running(Bot(), server):
        outcome = await server.slash(scene.ada, "war", channel=scene.channel)
    async with running(Bot(), server):
        pressed = await server.press(scene.cy, outcome, "Good")
    assert (pressed.message, pressed.content) == (outcome.message, "thanks for 7")
    assert pressed.components == []


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
    monkeypatch.setattr(discord.client.ExponentialBackoff, "delay", lambda self: 0.01)
    scene.server.gateway.close_all(code)
    await scene.server.wait_for(lambda: not scene.server.gateway.is_connected)
    await scene.server.wait_until_ready()
    assert len(scene.server.gateway.identified_at) == identifies


async def test_an_invalid_session_identifies_again(bot: Bot, scene: Scene) -> None:
    scene.server.gateway.invalidate(resumable=False)
    await scene.server.wait_for(lambda: len(scene.server.gateway.identified_at) == 2)


async def test_down_and_up_on_the_same_port(bot: Bot, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord.client.ExponentialBackoff, "delay", lambda self: 0.01)
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
    gallery = discord.ui.MediaGallery(discord.MediaGalleryItem("attachment://chart.png", description="falling"))
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


async def test_a_bad_command_set_fails_to_sync(scene: Scene) -> None:
    client = Bot()

    @client.tree.command(description="x" * 100)
    async def fat(interaction: discord.Interaction) -> None: ...

    fat.description = "x" * 101
    with pytest.raises(app_commands.CommandSyncFailure):
        async with running(client, scene.server):
            pass
