"""Nobody asks an erased person again, until they ask for it themselves."""

from shared.decide import prompts
from shared.store import models
from shared.store.models import Suppression
from tests.shared.ingest.erasing import ADA, erase, live
from tests.shared.ingest.intake import Desk


async def test_an_erased_person_is_never_asked_again(desk: Desk) -> None:
    await desk.use("ada")
    await erase(desk, (await desk.person()).id)
    assert len(await desk.rows(Suppression)) == 1
    await desk.use("ada")
    desk.later(days=10)
    await desk.use("ada")
    assert (await desk.person()).opted_out_source == "erased"
    assert await desk.ask_after_command("ada") is None
    assert await desk.rows(models.Prompt) == []


async def test_an_erased_visitor_is_never_asked_again(desk: Desk) -> None:
    person_id = await live(desk)
    await erase(desk, person_id)
    await desk.use_docs_for_a_week(ADA)
    assert await desk.ask_on_page(ADA) is None


async def test_only_an_explicit_opt_in_lifts_an_erasure(desk: Desk) -> None:
    await desk.opt_in("ada")
    await erase(desk, (await desk.person()).id)
    assert (await desk.opt_in("ada")).state == "scheduled"
    assert await desk.rows(Suppression) == []
    desk.later(days=7)
    assert await desk.send_due() == 1


async def test_a_late_mark_of_an_erased_question_changes_nothing(desk: Desk) -> None:
    await desk.opt_in("ada")
    desk.later(days=7)
    await desk.send_due()
    prompt_id = (await desk.prompt()).id
    await erase(desk, (await desk.person()).id)
    assert not await desk.run(prompts.mark_asked, prompt_id, "discord_dm", "5", "6", desk.clock.now())
    assert not await desk.run(prompts.mark_uncertain, prompt_id, "late", desk.clock.now())
    assert not await desk.run(prompts.fall_back_from_dm, desk.settings, prompt_id, "late", desk.clock.now())
    assert not await desk.run(prompts.note_answer, prompt_id, desk.clock.now())
