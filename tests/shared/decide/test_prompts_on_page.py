"""The question on the docs page: claimed at most once, put off, refused."""

import asyncio

from shared.decide import prompts
from tests.shared.decide.people import People


async def test_a_due_visitor_gets_the_question_once(people: People) -> None:
    await people.use_docs_for_a_week()
    first = await people.ask_on_page()
    assert first is not None
    assert (first.state, first.asked_on) == ("asked", "web")
    assert await people.ask_on_page() is None
    assert (await people.person()).last_prompted_at == people.clock.now()


async def test_two_tabs_get_one_question(people: People) -> None:
    await people.use_docs_for_a_week()
    claims = await asyncio.gather(*(people.ask_on_page() for _ in range(6)))
    assert len([found for found in claims if found]) == 1


async def test_an_unknown_visitor_gets_none(people: People) -> None:
    assert await people.ask_on_page("nobody") is None


async def test_nobody_is_asked_at_night(people: People) -> None:
    await people.visit(zone="Asia/Tokyo")
    people.later(days=7)  # noon in UTC is nine in the evening there
    await people.visit()
    assert await people.ask_on_page() is None
    people.later(hours=12)  # nine in the morning
    assert await people.ask_on_page() is not None


async def test_a_visitor_gone_quiet_is_asked_when_back(people: People) -> None:
    await people.use_docs_for_a_week()
    people.later(days=15)
    assert await people.ask_on_page() is None
    await people.visit()
    assert await people.ask_on_page() is not None


async def test_a_question_lapses_after_thirty_days(people: People) -> None:
    await people.use_docs_for_a_week()
    people.later(days=29)
    assert await people.run(prompts.lapse_old, people.settings, people.clock.now()) == 0
    people.later(days=1)
    assert await people.run(prompts.lapse_old, people.settings, people.clock.now()) == 1
    await people.visit()
    assert await people.ask_on_page() is None
    assert (await people.prompt()).state == "lapsed"


async def test_visitors_first_seen_thirty_days_ago_are_not_asked(people: People) -> None:
    await people.visit()
    people.later(days=30)
    await people.visit()
    assert await people.ask_on_page() is None


async def test_not_now_waits_fourteen_days(people: People) -> None:
    await people.use_docs_for_a_week()
    prompt = await people.ask_on_page()
    assert prompt is not None
    assert await people.run(prompts.dismiss, people.settings, prompt.id, "later", people.clock.now())
    people.later(days=13)
    await people.visit()
    assert await people.ask_on_page() is None
    people.later(days=1)
    await people.visit()
    assert await people.ask_on_page() is not None


async def test_after_two_dismissals_never_again(people: People) -> None:
    await people.use_docs_for_a_week()
    for expected in ("waiting", "dismissed"):
        prompt = await people.ask_on_page()
        assert prompt is not None
        await people.run(prompts.dismiss, people.settings, prompt.id, "later", people.clock.now())
        assert (await people.prompt()).state == expected
        people.later(days=14)
        await people.visit()
    assert (await people.person()).dismissals == 2
    assert await people.ask_on_page() is None


async def test_dont_ask_me_again_is_an_opt_out(people: People) -> None:
    await people.use_docs_for_a_week()
    prompt = await people.ask_on_page()
    assert prompt is not None
    await people.run(prompts.dismiss, people.settings, prompt.id, "never", people.clock.now())
    person = await people.person()
    assert ((await people.prompt()).state, person.opted_out_source) == ("dismissed", "web")
    people.later(days=15)
    await people.visit()
    assert await people.ask_on_page() is None


async def test_a_dismissal_sent_twice_counts_once(people: People) -> None:
    await people.use_docs_for_a_week()
    prompt = await people.ask_on_page()
    assert prompt is not None
    for expected in (True, False):
        assert await people.run(prompts.dismiss, people.settings, prompt.id, "later", people.clock.now()) is expected
    assert (await people.person()).dismissals == 1


async def test_opting_out_on_the_page_ends_the_waiting_question(people: People) -> None:
    await people.use_docs_for_a_week()
    await people.opt_out("docs/cy", "web")
    assert await people.ask_on_page() is None
    assert (await people.prompt()).state == "cancelled"


async def test_counts_say_how_many_were_eligible_asked_and_answered(people: People) -> None:
    start = people.clock.now()
    await people.use_docs_for_a_week()
    prompt = await people.ask_on_page()
    assert prompt is not None
    await people.opt_in("ada")
    await people.run(prompts.note_answer, prompt.id, people.clock.now())
    people.later(hours=1)
    found = await people.run(prompts.prompt_counts, "docs", start, people.clock.now())
    assert found == {"eligible": 1, "opted_in": 1, "asked": 1, "answered": 1}
    assert (await people.run(prompts.prompt_counts, "blog", start, people.clock.now()))["asked"] == 0
