"""A small bot and a small world for the stand-in's own tests."""

import asyncio
import io
import re
from typing import Any

import discord
from discord import app_commands

from tests.discord_server import DiscordServer

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
    text: discord.ui.Label[Any] = discord.ui.Label(
        text="What went wrong?", component=discord.ui.TextInput(style=discord.TextStyle.paragraph, max_length=1000)
    )
    score: discord.ui.Label[Any] = discord.ui.Label(
        text="How was it?",
        component=discord.ui.RadioGroup(
            options=[discord.RadioGroupOption(label=f"{n}", value=f"{n}") for n in range(1, 6)]
        ),
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        text, score = self.text.component, self.score.component
        assert isinstance(text, discord.ui.TextInput)
        assert isinstance(score, discord.ui.RadioGroup)
        await interaction.response.send_message(f"{text.value} {score.value}", ephemeral=True)


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
            data: Any = interaction.data
            self.submits.append(data["custom_id"])


def add_commands(tree: app_commands.CommandTree[Any]) -> None:
    installs = app_commands.AppInstallationType(guild=True, user=True)
    group = app_commands.Group(name="feedback", description="Tell us", allowed_installs=installs)

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


def channel_of(bot: Bot, scene: Scene) -> discord.TextChannel:
    channel = bot.get_channel(scene.channel.id)
    assert isinstance(channel, discord.TextChannel)
    return channel
