"""/personal: what is stored about how many people; export and erasure of one, for those who answer requests."""

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.data_file import data_file
from bot.note_actions import actor
from bot.replies import Answer
from bot.team_commands import team
from shared.deliver.discord_text import truncate_utf16
from shared.errors import FieldProblem, InvalidInput, NotFound
from shared.guard import audit
from shared.ingest.erasure import KINDS, check_identity, describe_report, find_who, report, salt_ages

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

FILE_NAME = "personal-data.json"
REPORT_CHARACTERS = 1_900
PLATFORMS = [app_commands.Choice(name=kind, value=kind) for kind in KINDS]
PLATFORM_MEANING = "Where the person is known; user: somebody whom your servers name"
ID_MEANING = "The id there; of a browser or a servers' user SITE/ID"
NOTHING = "Nothing is stored about this identity."


@app_commands.default_permissions(manage_guild=True)
@app_commands.guild_only()
class PersonalDataCog(commands.GroupCog, group_name="personal", group_description="Personal data of others"):
    def __init__(self, client: "WarroomClient") -> None:
        self.client = client

    @app_commands.command(description="What is stored about how many people", extras=team("operator"))
    async def report(self, interaction: discord.Interaction["WarroomClient"]) -> None:
        answer = Answer.of(interaction)
        await answer.defer()
        runtime = self.client.runtime
        async with runtime.store.read() as session:
            told = await report(session, runtime.settings)
        told["salts"] = await salt_ages(runtime.hasher, runtime.clock.now())
        told["tables"] = [row for row in told["tables"] if row["rows"] and row["erasing"] != "keep"]
        await answer.say(f"```\n{truncate_utf16(describe_report(told), REPORT_CHARACTERS)}\n```")

    @app_commands.command(description="Everything stored about one person, as a file", extras=team("admin"))
    @app_commands.choices(platform=PLATFORMS)
    @app_commands.describe(platform=PLATFORM_MEANING, identity=ID_MEANING)
    async def export(self, interaction: discord.Interaction["WarroomClient"], platform: str, identity: str) -> None:
        answer = Answer.of(interaction)
        await answer.defer()
        runtime, member = self.client.runtime, actor(self.client.runtime, interaction.user.id)
        async with runtime.store.read() as session:
            who = await find_who(session, runtime.instance_key, *check_identity(platform, identity))
        if who is None:
            raise NotFound(NOTHING)
        target, now = who.target, runtime.clock.now()
        file = await data_file(runtime, who, FILE_NAME)
        await runtime.store.writer.run(lambda session: audit.record(session, member, "person.export", target, now))
        await answer.say("Hand it to nobody but the person.", file=file)

    @app_commands.command(description="Remove everything stored about one person, for good", extras=team("admin"))
    @app_commands.choices(platform=PLATFORMS)
    @app_commands.describe(platform=PLATFORM_MEANING, identity=ID_MEANING, again="The same id, typed again")
    async def erase(
        self, interaction: discord.Interaction["WarroomClient"], platform: str, identity: str, again: str
    ) -> None:
        answer = Answer.of(interaction)
        await answer.defer()
        check_identity(platform, identity)
        if identity != again:
            raise InvalidInput("Nothing was erased.", [FieldProblem("again", "not the same id")])
        runtime = self.client.runtime
        erased = await runtime.eraser.erase(platform, identity, actor(runtime, interaction.user.id))
        if erased is None:
            raise NotFound(f"{NOTHING} Nobody will ask it anything.")
        rows = ", ".join(f"{name} {count}" for name, count in sorted(erased.rows.items()))
        await answer.say(f"Erased: {rows}. {erased.posts} posts are edited.")
