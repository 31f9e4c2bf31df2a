"""Who becomes due, and that it happens once per person ever."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from shared.decide import prompts
from shared.ingest import identities
from shared.store.models import Identity, Person, Prompt, UsageDay
from tests.shared.decide.people import KEY, People


async def test_two_usage_days_a_week_apart_make_a_person_due(people: People) -> None:
    await people.use_docs_for_a_week()
    prompt = await people.prompt()
    assert (prompt.survey, prompt.reason, prompt.state, prompt.due_at) == (
        "day-7",
        "usage",
        "waiting",
        people.clock.now(),
    )


async def test_one_usage_day_is_not_enough(people: People) -> None:
    await people.visit()
    people.later(hours=3)
    await people.visit()
    assert await people.rows(Prompt) == []
    assert (await people.person()).usage_days == 1


async def test_six_days_are_not_enough(people: People) -> None:
    await people.visit()
    people.later(days=6)
    await people.visit()
    assert await people.rows(Prompt) == []


async def test_a_usage_day_is_a_day_of_the_site(people: People) -> None:
    people.clock.move_to(people.clock.now().replace(hour=22, minute=30))  # 23:30 in Berlin
    await people.visit()
    people.later(hours=1)  # past midnight in Berlin, not yet in UTC
    await people.visit()
    assert [row.day.isoformat() for row in await people.rows(UsageDay)] == ["2026-03-11", "2026-03-12"]
    person = await people.person()
    assert (person.usage_days, person.first_usage_day, person.last_usage_day) == (
        2,
        person.first_usage_day,
        person.first_usage_day + timedelta(days=1),  # type: ignore[operator]
    )


async def test_many_visits_at_once_make_one_person(people: People) -> None:
    found = await asyncio.gather(*(people.visit() for _ in range(8)))
    assert len(set(found)) == 1
    assert len(await people.rows(Person)) == len(await people.rows(Identity)) == 1
    assert (await people.person()).usage_days == 1


async def test_a_day_on_two_sites_is_one_usage_day(people: People) -> None:
    await people.use()
    blog = people.settings.site("blog")

    async def use_blog(session: AsyncSession) -> None:
        now = people.clock.now()
        identity, person = await identities.ensure_identity(session, KEY, "discord", "ada", "blog", now)
        await identities.note_usage(session, people.settings, identity, person, blog, now)  # type: ignore[arg-type]

    await people.store.writer.run(use_blog)
    assert len(await people.rows(UsageDay)) == 2
    assert (await people.person()).usage_days == 1


async def test_a_consented_id_is_one_visitor_on_all_days(people: People) -> None:
    args = (people.settings, KEY, people.site, "cy")
    first = await people.run(identities.note_web_usage, *args, people.clock.now())
    people.later(days=3)
    assert await people.run(identities.note_web_usage, *args, people.clock.now()) == first
    assert first[1] != identities.web_visitor(KEY, "blog", "cy")


async def test_the_browser_tells_zone_and_language_and_nonsense_is_ignored(people: People) -> None:
    await people.visit(zone="Asia/Tokyo", language="de")
    await people.visit(zone="../../etc/passwd")
    person = await people.person()
    assert (person.zone, person.language) == ("Asia/Tokyo", "de")


async def test_opting_in_plans_the_question_seven_days_later(people: People) -> None:
    planned = await people.opt_in(zone="Europe/Paris")
    assert planned == prompts.OptIn("scheduled", people.clock.now() + timedelta(days=7))
    assert ((await people.prompt()).reason, (await people.person()).zone) == ("opt_in", "Europe/Paris")


async def test_opting_in_twice_keeps_the_first_date(people: People) -> None:
    first = await people.opt_in()
    people.later(days=2)
    assert await people.opt_in() == prompts.OptIn("already", first.due_at)


async def test_opting_in_after_an_answer_plans_nothing(people: People) -> None:
    await people.opt_in()
    await people.run(prompts.note_answer, (await people.prompt()).id, people.clock.now())
    assert (await people.opt_in()).state == "answered"
    assert len(await people.rows(Prompt)) == 1


@pytest.mark.parametrize("end", ["not answered", "never again"])
async def test_opting_in_after_the_question_promises_no_second_one(people: People, end: str) -> None:
    await people.opt_in()
    people.later(days=7)
    await people.send_due()
    prompt_id = (await people.prompt()).id
    await people.run(prompts.mark_asked, prompt_id, "discord_dm", "55", "66", people.clock.now())
    if end == "never again":
        await people.run(prompts.dismiss, people.settings, prompt_id, "never", people.clock.now())
    assert (await people.opt_in()).state == "asked"


async def test_opting_in_moves_a_question_that_waits_by_usage(people: People) -> None:
    await people.use()
    people.later(days=8)
    await people.use()
    assert (await people.prompt()).reason == "usage"
    assert (await people.opt_in()).due_at == people.clock.now() + timedelta(days=7)
    assert (await people.prompt()).reason == "opt_in"


async def test_a_person_is_asked_once_ever_whatever_the_server(people: People) -> None:
    await people.opt_in(guild_id="1")
    people.later(days=8)
    assert await people.send_due() == 1
    assert (await people.opt_in(guild_id="2")).state == "already"
    people.later(days=400)
    await people.use()
    assert await people.send_due() == 0
    assert len(await people.rows(Prompt)) == 1


async def test_opting_out_lets_nobody_become_due(people: People) -> None:
    await people.use()
    await people.opt_out()
    people.later(days=8)
    await people.use()
    assert await people.rows(Prompt) == []


async def test_opting_in_again_lifts_an_opt_out(people: People) -> None:
    await people.opt_in()
    await people.opt_out()
    assert (await people.prompt()).state == "cancelled"
    assert (await people.opt_in()).state == "scheduled"
    assert ((await people.prompt()).state, (await people.person()).opted_out_at) == ("waiting", None)


async def request_due(people: People, external_id: str = "ada", platform: str = "discord") -> prompts.Requested:
    async def unit(session: AsyncSession) -> prompts.Requested:
        found = await identities.find_identity(session, platform, external_id)
        assert found is not None
        return await prompts.make_due_by_request(session, people.settings, *found, "docs", people.clock.now())

    return await people.store.writer.run(unit)


async def test_a_servers_request_makes_an_opted_in_person_due_at_once(people: People) -> None:
    await people.opt_in()
    assert (await request_due(people)).state == "due"
    assert await people.send_due() == 1


async def test_a_servers_request_never_replaces_the_opt_in(people: People) -> None:
    await people.use()
    assert (await request_due(people)).state == "not_opted_in"
    assert await people.rows(Prompt) == []


async def test_a_servers_request_never_replaces_the_opt_out(people: People) -> None:
    await people.opt_in()
    await people.opt_out()
    assert (await request_due(people)).state == "opted_out"
    assert (await people.prompt()).state == "cancelled"


async def test_a_servers_request_asks_nobody_twice(people: People) -> None:
    await people.opt_in()
    people.later(days=7)
    await people.send_due()
    assert (await request_due(people)).state == "asked_before"


async def test_consent_on_the_page_counts_as_opt_in_for_a_servers_request(people: People) -> None:
    await people.visit()
    assert (await request_due(people, "docs/cy", "web")).state == "due"
    assert await people.ask_on_page() is not None


async def test_ninety_days_lie_between_two_surveys(people: People) -> None:
    await people.use()
    person, identity, asked_at = await people.person(), await people.identity(), people.clock.now()
    other = Prompt(
        id="other",
        site="docs",
        survey="other",
        person_id=person.id,
        identity_id=identity.id,
        reason="api",
        state="asked",
        created_at=asked_at,
        due_at=asked_at,
        asked_at=asked_at,
    )
    await people.change(other)
    people.later(days=60)
    planned = await people.opt_in()
    assert planned.due_at == asked_at + timedelta(days=90)
    people.later(days=29)
    assert await people.send_due() == 0
    people.later(days=1)
    assert await people.send_due() == 1
