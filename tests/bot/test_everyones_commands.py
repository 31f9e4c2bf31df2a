"""/feedback, /privacy, the message menu and mentions, as members of a community use them."""

import json

import pytest

from bot.cogs import forms
from shared.decide import prompts
from shared.errors import CannotStore
from shared.store.models import (
    AuditEntry,
    Feedback,
    Identity,
    OutboxMessage,
    Person,
    Prompt,
    ReadMark,
    Suppression,
    UsageDay,
)
from tests.bot.discord_stage import Stage


async def send(stage: Stage, text: str, **values: str) -> str:
    """Mia fills in the form of /feedback send; what she is told."""
    form = await stage.server.slash(stage.mia, "feedback send", channel=stage.feedback_channel)
    outcome = await stage.submit(stage.mia, form, {"text": text, **values})
    return outcome.content


async def test_feedback_is_stored_and_the_first_reply_offers_to_ask(stage: Stage) -> None:
    told = await send(stage, "I like it.", score="5", category="praise")
    assert "Thank you" in told
    assert "in a week" in told
    [feedback] = await stage.rows(Feedback)
    assert (feedback.site, feedback.source, feedback.score, feedback.category) == ("docs", "discord", 5, "praise")


@pytest.mark.slow
async def test_a_busy_store_after_the_feedback_does_not_say_that_it_was_lost(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def is_busy(*_: object) -> None:
        raise CannotStore

    monkeypatch.setattr(prompts, "claim_ephemeral_prompt", is_busy)  # the store became busy between two units
    monkeypatch.setattr(forms, "remember_conversation", is_busy)
    assert "Thank you" in await send(stage, "I like it.")
    form = await stage.server.slash(stage.mia, "feedback send")
    outcome = await stage.submit(stage.mia, form, {"text": "From our private chat."})
    assert "Thank you" in outcome.content
    assert len(await stage.rows(Feedback)) == 2


async def test_empty_form_is_explained(stage: Stage) -> None:
    assert "score or write" in await send(stage, "")
    assert await stage.rows(Feedback) == []


async def test_flood_gets_a_friendly_sentence(stage: Stage) -> None:
    told = [await send(stage, f"Number {number} of many.") for number in range(6)]
    assert "Please wait" in told[-1]
    assert len(await stage.rows(Feedback)) == 5


async def test_opt_in_with_a_time_zone(stage: Stage) -> None:
    outcome = await stage.server.slash(
        stage.mia, "feedback optin", {"zone": "Asia/Tokyo"}, channel=stage.feedback_channel
    )
    assert outcome.ephemeral
    [person] = await stage.rows(Person)
    assert person.zone == "Asia/Tokyo"


async def test_unknown_time_zone_is_explained(stage: Stage) -> None:
    outcome = await stage.server.slash(stage.mia, "feedback optin", {"zone": "Mars"}, channel=stage.feedback_channel)
    assert "Europe/Berlin" in outcome.content
    assert await stage.rows(Prompt) == []


async def test_time_zones_are_suggested(stage: Stage) -> None:
    outcome = await stage.server.autocomplete(
        stage.mia, "feedback optin", "zone", "berl", channel=stage.feedback_channel
    )
    assert [choice["value"] for choice in outcome.choices] == ["Europe/Berlin"]


async def test_opt_out_cancels_the_question(stage: Stage) -> None:
    await stage.server.slash(stage.mia, "feedback optin", channel=stage.feedback_channel)
    await stage.server.slash(stage.mia, "feedback optout", channel=stage.feedback_channel)
    [prompt] = await stage.rows(Prompt)
    assert prompt.state == "cancelled"


async def test_commands_work_in_direct_messages(stage: Stage) -> None:
    form = await stage.server.slash(stage.mia, "feedback send")
    await stage.submit(stage.mia, form, {"text": "From our private chat."})
    [feedback] = await stage.rows(Feedback)
    assert feedback.site == "docs"


async def test_own_commands_are_usage(stage: Stage) -> None:
    await send(stage, "Day one.")
    await stage.settle()
    stage.clock.advance(days=1)
    await send(stage, "Day two.")
    await stage.settle()
    assert len(await stage.rows(UsageDay)) == 2


async def test_messages_are_usage_only_after_opt_in(stage: Stage) -> None:
    stage.server.user_message(stage.mia, stage.feedback_channel, "hello all")
    await stage.settle()
    assert await stage.rows(Person) == []
    await stage.server.slash(stage.mia, "feedback optin", channel=stage.feedback_channel)
    await stage.settle()
    stage.clock.advance(days=1)
    stage.server.user_message(stage.mia, stage.feedback_channel, "hello again")
    while len(await stage.rows(UsageDay)) < 2:
        await stage.settle()


async def test_due_person_without_opt_in_is_asked_once_by_a_private_line(stage: Stage) -> None:
    await send(stage, "First day.")
    await stage.settle()
    stage.clock.advance(days=8)
    form = await stage.server.slash(stage.mia, "feedback send", channel=stage.feedback_channel)
    outcome = await stage.submit(stage.mia, form, {"text": "Still here."})
    [question] = await outcome.wait_for_followups()
    assert question.ephemeral
    assert "in a week" not in outcome.content  # nothing is offered to who is asked right now
    assert "been around for a week" in question.content
    assert stage.messages_to(stage.mia) == []
    form = await stage.press(stage.mia, question, "4")
    assert form.modal is not None


async def test_export_is_a_private_file(stage: Stage) -> None:
    await send(stage, "Export me.")
    await stage.settle()
    outcome = await stage.server.slash(stage.mia, "privacy export", channel=stage.feedback_channel)
    assert outcome.ephemeral
    assert "Export me." in json.dumps(json.loads(outcome.files["my-data.json"]))


async def test_export_of_nothing_says_so(stage: Stage) -> None:
    outcome = await stage.server.slash(stage.mia, "privacy export", channel=stage.feedback_channel)
    assert "nothing about you" in outcome.content


async def test_erase_removes_everything_and_edits_our_posts(stage: Stage) -> None:
    await send(stage, "I hate this, it is the worst, most horrible and awful tool ever!")
    await stage.settle()
    await stage.deliver()
    [post] = stage.war_room_posts()
    assert "horrible" in str(post.embeds)
    assert post.components
    confirm = await stage.server.slash(stage.mia, "privacy erase", channel=stage.feedback_channel)
    assert confirm.ephemeral
    await stage.press(stage.mia, confirm, "Erase everything")
    await stage.settle()
    await stage.deliver()
    assert "horrible" not in str(post.embeds)
    assert "Removed at the author's request" in str(post.embeds)
    assert not post.components
    for table in (Feedback, Identity, Person, UsageDay):
        assert await stage.rows(table) == []
    assert len(await stage.rows(Suppression)) == 1


async def test_the_record_of_an_erasure_names_nobody(stage: Stage) -> None:
    await send(stage, "Erase me.")
    await stage.settle()
    confirm = await stage.server.slash(stage.mia, "privacy erase", channel=stage.feedback_channel)
    await stage.press(stage.mia, confirm, "Erase everything")
    [entry] = await stage.rows(AuditEntry)
    assert (entry.actor, entry.action, entry.target) == ("self", "person.erase", "")


async def test_who_erases_before_anything_is_stored_is_not_asked_either(stage: Stage) -> None:
    confirm = await stage.server.slash(stage.mia, "privacy erase", channel=stage.feedback_channel)
    told = await stage.press(stage.mia, confirm, "Erase everything")
    assert "not be asked again" in told.content
    assert len(await stage.rows(Suppression)) == 1
    assert await stage.rows(Person) == []


async def test_mention_of_the_bot_is_feedback(stage: Stage) -> None:
    stage.server.user_message(stage.mia, stage.feedback_channel, "the search is broken", [stage.server.bot])
    while not await stage.rows(Feedback):
        await stage.settle()
    [feedback] = await stage.rows(Feedback)
    assert feedback.text == "the search is broken"


async def test_author_saves_an_own_message_and_the_team_any(stage: Stage) -> None:
    mine = stage.server.user_message(stage.mia, stage.feedback_channel, "this took me hours")
    saved = await stage.server.message_command(stage.mia, "Save as feedback", mine)
    assert "Saved" in saved.content
    again = await stage.server.message_command(stage.mia, "Save as feedback", mine)
    assert "Saved" in again.content
    assert len(await stage.rows(Feedback)) == 1
    stage.server.add_member(stage.bea, guild=stage.community)
    other = stage.server.user_message(stage.mia, stage.feedback_channel, "and this is great")
    saved = await stage.server.message_command(stage.bea, "Save as feedback", other)
    assert "Saved" in saved.content
    assert len(await stage.rows(Feedback)) == 2


async def test_cy_cannot_save_the_message_of_somebody_else(stage: Stage) -> None:
    stage.server.add_member(stage.cy, guild=stage.community)
    message = stage.server.user_message(stage.mia, stage.feedback_channel, "private thoughts")
    outcome = await stage.server.message_command(stage.cy, "Save as feedback", message)
    assert "Only the author or the team" in outcome.content
    assert await stage.rows(Feedback) == []


async def test_server_that_is_not_configured_is_refused_politely(stage: Stage) -> None:
    stranger = stage.server.add_guild("Elsewhere")
    channel = stage.server.add_channel(stranger, "general")
    eve = stage.server.add_member("eve", guild=stranger)
    outcome = await stage.server.slash(eve, "feedback optin", channel=channel)
    assert outcome.ephemeral
    assert outcome.content == "This server is not connected to Warroom."
    assert await stage.rows(Person) == []


async def test_person_brings_feedback_along_into_a_foreign_server(stage: Stage) -> None:
    foreign = stage.server.add_guild("Foreign", has_bot=False)
    channel = stage.server.add_channel(foreign, "general")
    eve = stage.server.add_user("eve", has_installed=True)
    stage.server.add_member(eve, guild=foreign)
    form = await stage.server.slash(eve, "feedback send", channel=channel)
    outcome = await stage.submit(eve, form, {"text": "From a server you do not know."})
    assert outcome.ephemeral
    [feedback] = await stage.rows(Feedback)
    assert feedback.site == "docs"


async def test_flood_of_direct_messages_gets_one_sentence_an_hour(stage: Stage) -> None:
    for number in range(9):
        stage.server.dm(stage.mia, f"Message number {number} of a flood.")
    while len(await stage.rows(ReadMark)) == 0 or len(await stage.rows(OutboxMessage)) < 6:
        await stage.settle()
    await stage.settle()
    await stage.deliver()
    assert len(await stage.rows(Feedback)) == 5
    limited = [message for message in stage.messages_to(stage.mia) if "Please wait" in message.content]
    assert len(limited) == 1
