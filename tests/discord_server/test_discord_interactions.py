"""Interactions against the stand-in, with the real library: commands, modals, buttons, the clock."""

import discord
import pytest
from discord import app_commands

from tests.discord_server import NoAnswer, NotAllowed, UnknownCommand
from tests.discord_server.command_validation import check_command_set
from tests.discord_server.errors import ApiError
from tests.discord_server.library import running
from tests.discord_server.sample_bot import Bot, Scene


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


async def test_a_bad_command_set_fails_to_sync(scene: Scene) -> None:
    client = Bot()

    @client.tree.command(description="x" * 100)
    async def fat(interaction: discord.Interaction) -> None: ...

    fat.description = "x" * 101
    with pytest.raises(app_commands.CommandSyncFailure):
        async with running(client, scene.server):
            pass


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("description", {"tlh": "nuqneH"}),
        ("description", {"de": ""}),
        ("description", {"de": "x" * 101}),
        ("name", {"de": "Zwei Wörter"}),
    ],
)
def test_a_bad_localization_is_refused(field: str, said: dict[str, str]) -> None:
    command = {"name": "war", "description": "How it goes", "description_localizations": {"de": "Wie es geht"}}
    assert check_command_set([command]) == [command]
    with pytest.raises(ApiError):
        check_command_set([command | {f"{field}_localizations": said}])


async def test_an_installed_app_follows_its_user_to_other_servers(bot: Bot, scene: Scene) -> None:
    server = scene.server
    elsewhere = server.add_guild("Elsewhere", has_bot=False)
    place = server.add_channel(elsewhere, "lounge")
    server.add_member(scene.cy, guild=elsewhere)
    with pytest.raises(NotAllowed):
        await server.slash(scene.cy, "feedback send", {"text": "hi"}, channel=place)
    scene.cy.has_installed = True
    outcome = await server.slash(scene.cy, "feedback send", {"text": "hi"}, channel=place)
    assert outcome.payload["authorizing_integration_owners"] == {"1": str(scene.cy.id)}
    private = await server.slash(scene.cy, "feedback send", {"text": "hi"})
    assert (private.payload["context"], private.content) == (1, "noted: hi")


async def test_a_command_answers_nobody_when_the_bot_is_away(scene: Scene) -> None:
    async with running(Bot(), scene.server):
        pass
    scene.server.interactions.answer_within_seconds = 0.05
    with pytest.raises(NoAnswer, match="no bot is connected"):
        await scene.server.slash(scene.cy, "feedback send", {"text": "hi"}, channel=scene.channel)


async def test_expired_tokens_and_forged_buttons(bot: Bot, scene: Scene) -> None:
    server = scene.server
    server.interactions.answer_within_seconds = 0.1
    outcome = await server.slash(scene.ada, "war", channel=scene.channel)
    forged = await server.press_forged(scene.cy, outcome.message, "score:x", expect_answer=False)
    assert forged.timed_out
    server.interactions.token_lives_seconds = 0.0
    webhook = discord.Webhook.partial(server.world.application_id, outcome.token, client=bot)
    with pytest.raises(discord.HTTPException) as caught:
        await webhook.send("too late", allowed_mentions=discord.AllowedMentions.none())
    assert (caught.value.status, caught.value.code) == (401, 50027)
