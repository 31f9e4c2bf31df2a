"""Direct messages: only after opt-in, within the caps, taken back while unsent, never sent twice."""

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from shared.config import CommunitySettings
from shared.decide import prompts
from shared.messages import PromptDirect, PromptFallback, parse_message
from shared.store.models import Identity, OutboxMessage, OutboxState
from shared.store.outbox import claim_due, mark
from tests.shared.decide.people import People


async def make_due(people: People, *names: str) -> None:
    """These people opted in a week ago."""
    for name in names:
        await people.opt_in(name)
    people.later(days=7)


async def deliver(people: People) -> None:
    """What was queued has left."""
    for row in await people.queued():
        await people.change(row, state=OutboxState.SENT.value, sent_at=people.clock.now())


async def with_community(people: People, *guilds: int, channel: int = 77) -> None:
    known = [CommunitySettings(guild=guild, site="docs", feedback_channel=channel) for guild in guilds]
    discord = people.settings.discord.model_copy(update={"communities": known})
    people.settings = people.settings.model_copy(update={"discord": discord})


async def test_a_due_member_is_asked_by_direct_message(people: People) -> None:
    await make_due(people, "ada")
    assert await people.send_due() == 1
    (row,) = await people.queued()
    message = parse_message(row.payload)
    identity = await people.identity()
    assert isinstance(message, PromptDirect)
    assert (message.identity_id, message.opens_conversation) == (identity.id, True)
    assert (row.destination, row.lane, row.person_id) == ("discord_dm", f"dm:{identity.id}", identity.person_id)
    assert ((await people.prompt()).state, (await people.prompt()).outbox_id) == ("claimed", row.id)


async def test_a_due_member_is_enqueued_once(people: People) -> None:
    await make_due(people, "ada")
    assert [await people.send_due(), await people.send_due()] == [1, 0]


async def test_nobody_is_asked_before_the_seven_days_are_over(people: People) -> None:
    await people.opt_in()
    people.later(days=6, hours=23)
    assert await people.send_due() == 0


async def test_who_did_not_opt_in_is_never_sent_a_message(people: People) -> None:
    await people.use()
    people.later(days=8)
    await people.use()
    assert (await people.prompt()).state == "waiting"
    assert await people.send_due() == 0


async def test_who_opted_out_meanwhile_is_sent_nothing_even_if_it_was_queued(people: People) -> None:
    await make_due(people, "ada")
    await people.send_due()
    await people.opt_out()
    assert await people.queued() == []
    assert (await people.prompt()).state == "cancelled"
    people.later(days=1)
    assert await people.send_due() == 0


async def test_members_are_asked_in_their_waking_hours(people: People) -> None:
    await people.opt_in(zone="Asia/Tokyo")
    people.later(days=7)  # nine in the evening there
    assert await people.send_due() == 0
    people.later(hours=12)
    assert await people.send_due() == 1


async def test_an_unsent_question_is_taken_back_at_night_and_sent_in_the_morning(people: People) -> None:
    await make_due(people, "ada")
    await people.send_due()
    people.later(hours=9)  # nine in the evening: the platform was down all afternoon
    assert await people.send_due() == 0
    assert (await people.queued(), (await people.prompt()).state) == ([], "waiting")
    people.later(hours=13)
    assert await people.send_due() == 1


async def test_only_a_few_conversations_are_opened_in_a_minute(people: People) -> None:
    await make_due(people, "ada", "bea", "cy", "dan", "eve")
    assert await people.send_due() == 3
    await deliver(people)
    people.later(seconds=30)
    assert await people.send_due() == 0
    people.later(seconds=30)
    assert await people.send_due() == 2


@pytest.mark.slow
async def test_after_an_outage_not_all_conversations_are_opened_at_once(people: People) -> None:
    await make_due(people, "ada", "bea", "cy", "dan", "eve")
    assert await people.send_due() == 3
    people.later(minutes=30)  # Discord was down: they wait
    assert await people.send_due() == 0
    await deliver(people)
    assert await people.send_due() == 0
    people.later(minutes=1)
    assert await people.send_due() == 2


@pytest.mark.slow
async def test_a_conversation_that_was_opened_in_vain_counts_as_opened(people: People) -> None:
    await make_due(people, "ada", "bea", "cy", "dan", "eve")
    assert await people.send_due() == 3
    for row in await people.queued():  # direct messages are closed: known only once the conversation is open
        await people.change(row, state=OutboxState.SKIPPED.value, attempts=1)
    assert await people.send_due() == 0


@pytest.mark.slow
async def test_only_so_many_conversations_are_opened_in_a_day(people: People) -> None:
    limits = people.settings.prompts.model_copy(update={"dm_opens_per_day": 4})
    people.settings = people.settings.model_copy(update={"prompts": limits})
    await make_due(people, "ada", "bea", "cy", "dan", "eve")
    assert await people.send_due() == 3
    await deliver(people)
    people.later(minutes=2)
    assert await people.send_due() == 1
    await deliver(people)
    people.later(minutes=2)
    assert await people.send_due() == 0
    people.later(days=1)
    assert await people.send_due() == 1


async def test_open_conversations_do_not_count_as_opened(people: People) -> None:
    names = ("ada", "bea", "cy", "dan", "eve")
    await make_due(people, *names)
    for identity in await people.rows(Identity):
        await people.change(identity, dm_channel_id=f"dm-{identity.external_id}")
    assert await people.send_due() == 5


@pytest.mark.slow
async def test_the_oldest_are_asked_first_and_sleepers_block_nobody(people: People) -> None:
    for number in range(210):
        await people.opt_in(f"sleeper-{number}", zone="Asia/Tokyo")
    await people.opt_in("ada")
    people.later(days=7)
    assert await people.send_due(limit=1) == 1


async def test_a_sent_question_is_asked_and_keeps_the_conversation(people: People) -> None:
    await make_due(people, "ada")
    await people.send_due()
    prompt = await people.prompt()
    assert await people.run(prompts.mark_asked, prompt.id, "discord_dm", "55", "66", people.clock.now())
    prompt = await people.prompt()
    assert (prompt.state, prompt.asked_on, prompt.message_id) == ("asked", "discord_dm", "66")
    assert (await people.identity()).dm_channel_id == "55"
    assert not await people.run(prompts.mark_asked, prompt.id, "discord_dm", "1", "2", people.clock.now())


async def test_an_uncertain_question_is_never_sent_again(people: People) -> None:
    await make_due(people, "ada")
    await people.send_due()
    assert await people.run(prompts.mark_uncertain, (await people.prompt()).id, "time-out", people.clock.now())
    people.later(days=1)
    assert await people.send_due() == 0
    assert ((await people.prompt()).state, (await people.prompt()).last_error) == ("uncertain", "time-out")


async def test_an_answer_to_an_uncertain_question_counts(people: People) -> None:
    await make_due(people, "ada")
    await people.send_due()
    prompt_id = (await people.prompt()).id
    await people.run(prompts.mark_uncertain, prompt_id, "time-out", people.clock.now())
    assert await people.run(prompts.note_answer, prompt_id, people.clock.now())
    assert not await people.run(prompts.note_answer, prompt_id, people.clock.now())


async def test_a_dead_letter_ends_the_question(people: People) -> None:
    await make_due(people, "ada")
    await people.send_due()
    (row,) = await people.queued()
    await people.change(row, state=OutboxState.DEAD.value)
    assert await people.run(prompts.lapse_old, people.settings, people.clock.now()) == 1
    assert (await people.prompt()).state == "uncertain"


async def test_a_question_more_than_fourteen_days_late_is_skipped_with_its_reason(people: People) -> None:
    await make_due(people, "ada")
    people.later(days=14, minutes=1)
    assert await people.send_due() == 0
    prompt = await people.prompt()
    assert (prompt.state, prompt.last_error) == ("skipped_late", "too_late")


async def test_a_week_of_downtime_is_caught_up(people: People) -> None:
    await make_due(people, "ada")
    people.later(days=8)
    assert await people.send_due() == 1


async def test_closed_messages_fall_back_to_a_button_in_the_feedback_channel(people: People) -> None:
    await with_community(people, 5)
    await make_due(people, "ada")
    await people.send_due()
    prompt_id = (await people.prompt()).id
    assert await people.run(prompts.fall_back_from_dm, people.settings, prompt_id, "50007", people.clock.now())
    fallback = next(row for row in await people.queued() if row.kind == "prompt_fallback")
    message = parse_message(fallback.payload)
    assert isinstance(message, PromptFallback)
    assert (message.guild_id, message.channel_id, fallback.destination) == ("5", "77", "discord_channel")
    assert (await people.identity()).dm_unreachable_reason == "50007"
    assert await people.run(prompts.mark_asked, prompt_id, "discord_channel", "77", "1", people.clock.now())
    assert (await people.identity()).dm_channel_id is None


async def test_closed_messages_without_a_feedback_channel_wait_for_the_next_command(people: People) -> None:
    await make_due(people, "ada")
    await people.send_due()
    prompt_id = (await people.prompt()).id
    await people.run(prompts.fall_back_from_dm, people.settings, prompt_id, "50007", people.clock.now())
    assert (await people.prompt()).state == "waiting"
    assert await people.send_due() == 0  # never retried by direct message
    found = await people.ask_after_command()
    assert found is not None
    assert found.asked_on == "discord_ephemeral"


async def test_the_button_appears_in_the_community_where_the_person_is(people: People) -> None:
    await with_community(people, 5, 6)
    await people.opt_in("ada", guild_id="6")
    people.later(days=7)
    await people.send_due()
    prompt_id = (await people.prompt()).id
    await people.run(prompts.fall_back_from_dm, people.settings, prompt_id, "50278", people.clock.now())
    assert [row.payload["guild_id"] for row in await people.queued() if row.kind == "prompt_fallback"] == ["6"]


async def test_too_fast_stops_all_opening_for_a_day_and_tells_the_team_once(people: People) -> None:
    await make_due(people, "ada", "bea", "cy")
    await people.send_due()
    refused = (await people.queued())[0]

    async def refuse(session: AsyncSession) -> None:
        now = people.clock.now()
        rows = await claim_due(session, now, 1, 30, ["discord_dm"], limit=1)
        await prompts.pause_dm_opening(session, people.settings, now, "40003", rows[0].payload["prompt_id"])
        await prompts.pause_dm_opening(session, people.settings, now, "40003")
        assert not await mark(session, rows[0], 1, OutboxState.DEAD, now)

    await people.store.writer.run(refuse)
    assert [row.kind for row in await people.queued()] == ["notice"]
    assert refused.id not in [row.id for row in await people.rows(OutboxMessage)]
    people.later(hours=2)
    assert await people.send_due() == 0
    people.later(hours=22)
    assert await people.send_due() == 3


async def test_a_pause_of_opening_does_not_stop_open_conversations(people: People) -> None:
    await make_due(people, "ada")
    await people.change(await people.identity(), dm_channel_id="55")
    await people.run(prompts.pause_dm_opening, people.settings, people.clock.now(), "20026")
    assert await people.send_due() == 1


async def test_on_x_only_an_opened_conversation_is_written_to(people: People) -> None:
    await people.opt_in("bea", "x")
    people.later(days=7)
    assert await people.send_due() == 0
    await people.change(await people.identity(), dm_channel_id="conversation")
    assert await people.send_due() == 1
    (row,) = await people.queued()
    assert row.destination == "x_dm"


async def test_a_stop_on_x_ends_every_queued_message(people: People) -> None:
    await people.opt_in("bea", "x")
    identity = await people.identity()
    welcome = OutboxMessage(
        kind="direct_reply",
        destination="x_dm",
        lane="dm",
        dedupe_key="welcome",
        site="docs",
        person_id=identity.person_id,
        created_at=people.clock.now(),
        next_try_at=people.clock.now(),
    )
    await people.change(welcome)
    await people.opt_out("bea", "x")
    assert await people.queued() == []


async def test_who_did_not_opt_in_is_asked_once_after_a_command_of_their_own(people: People) -> None:
    await people.use()
    assert await people.ask_after_command() is None
    people.later(days=7)
    await people.use()
    found = await people.ask_after_command()
    assert found is not None
    assert (await people.identity()).offered_at == people.clock.now()
    people.later(days=100)
    await people.use()
    assert await people.ask_after_command() is None


async def test_the_one_offer_is_not_spent_while_nothing_is_due(people: People) -> None:
    await people.use()
    assert await people.ask_after_command() is None
    assert (await people.identity()).offered_at is None


async def test_a_member_asked_after_a_command_gets_no_direct_message(people: People) -> None:
    await make_due(people, "ada")
    assert await people.ask_after_command() is not None
    people.later(hours=1)
    assert await people.send_due() == 0
    assert (await people.person()).last_prompted_at == people.clock.now() - timedelta(hours=1)
