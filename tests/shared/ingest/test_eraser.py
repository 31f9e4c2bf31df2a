"""The order of an erasure, and what a start does with a log that knows more, or less, than the database."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from shared.errors import CannotStore, LimitReached, NotFound
from shared.guard.erase_log import EraseLog
from shared.guard.retention import DAYS_OF_GRACE
from shared.ingest.erasure import Who
from shared.ingest.erasure.eraser import TIMES_AN_HOUR
from shared.ingest.erasure.units import note_applied
from shared.ingest.identities import note_web_usage
from shared.runtime.erase_watch import EraseWatch
from shared.store.models import AppliedErasure, Event, Identity, Person, Suppression
from shared.store.people import identity_hash
from tests.shared.decide.people import KEY
from tests.shared.ingest.erasing import ADA, BEA, dump, eraser_of, track
from tests.shared.ingest.intake import Desk

EVENTS_OF_A_VIEW = 3
LONG_ENOUGH_TO_ERASE = 0.3  # seconds; on a slower machine the test only sees less
ADAS_HASH = identity_hash(KEY, "web", f"docs/{ADA}")


def log_of(desk: Desk) -> EraseLog:
    return eraser_of(desk).log


async def forget_that_it_was_applied(desk: Desk) -> None:
    """The database is an older copy: it knows nothing of the erasure."""
    await desk.run(lambda session: session.execute(delete(AppliedErasure)))
    await desk.run(lambda session: session.execute(delete(Suppression)))


async def test_the_log_holds_the_hash_before_it_is_done(desk: Desk) -> None:
    await track(desk, ADA, "a")
    await eraser_of(desk).erase("web", f"docs/{ADA}", "self")
    (entry,) = log_of(desk).read().entries
    (applied,) = await desk.rows(AppliedErasure)
    assert (entry.subjects, entry.id, entry.at) == ((ADAS_HASH,), applied.id, applied.at)
    assert ADA not in log_of(desk).path.read_text()


async def test_nothing_is_erased_when_the_log_cannot_be_written(desk: Desk) -> None:
    await track(desk, ADA, "a")
    log_of(desk).path.mkdir(parents=True)
    with pytest.raises(CannotStore, match="nothing was erased"):
        await eraser_of(desk).erase("web", f"docs/{ADA}", "self")
    assert len(await desk.rows(Event)) == 3


async def test_a_person_who_is_in_an_older_copy_is_erased_again(desk: Desk) -> None:
    await track(desk, ADA, "a")
    await eraser_of(desk).erase("web", f"docs/{ADA}", "self")
    await forget_that_it_was_applied(desk)
    await track(desk, ADA, "a")
    await track(desk, BEA, "b")
    assert await eraser_of(desk).apply_log() == 1
    assert ADA not in await dump(desk)
    assert [row.external_id for row in await desk.rows(Identity)] == [f"docs/{BEA}"]
    assert [row.identity_hash for row in await desk.rows(Suppression)] == [ADAS_HASH]
    assert await desk.counters() == await desk.rebuilt_counters()


async def test_what_the_database_has_seen_is_not_done_twice(desk: Desk) -> None:
    """Somebody who came back by their own will stays, whatever stands in the log."""
    await track(desk, ADA, "a")
    await eraser_of(desk).erase("web", f"docs/{ADA}", "self")
    await desk.opt_in(f"docs/{ADA}", platform="web")
    assert await eraser_of(desk).apply_log() == 0
    assert len(await desk.rows(Person)) == 1


async def test_an_erasure_that_was_cut_off_is_finished(desk: Desk) -> None:
    """A process died after the log and some units: the person is half gone, and nothing says that it was done."""
    await track(desk, ADA, "a")
    await eraser_of(desk).erase("web", f"docs/{ADA}", "self")
    await forget_that_it_was_applied(desk)
    await track(desk, ADA, "b")
    await desk.run(lambda session: session.execute(delete(Event).where(col(Event.name) == "click")))
    assert await eraser_of(desk).apply_log() == 1
    assert ADA not in await dump(desk)
    assert await eraser_of(desk).apply_log() == 0


async def test_who_was_erased_unknown_is_not_asked_from_an_older_copy_either(desk: Desk) -> None:
    await eraser_of(desk).erase("discord", "nobody", "self")
    await forget_that_it_was_applied(desk)
    await desk.use("nobody")
    assert await eraser_of(desk).apply_log() == 1
    assert await desk.rows(Person) == []


async def test_a_lost_log_is_written_again_from_the_database(desk: Desk) -> None:
    await eraser_of(desk).erase("web", f"docs/{ADA}", "self")
    before = log_of(desk).read().entries
    log_of(desk).path.unlink()
    assert await eraser_of(desk).apply_log() == 0
    assert log_of(desk).read().entries == before


async def test_a_full_disk_keeps_nobody_in_an_older_copy(desk: Desk) -> None:
    """The lines of others cannot be copied into the file; who is in the file is erased nevertheless."""
    await track(desk, ADA, "a")
    eraser = eraser_of(desk)
    await eraser.erase("web", f"docs/{ADA}", "self")
    await forget_that_it_was_applied(desk)
    await track(desk, ADA, "a")
    await desk.run(note_applied, "of-another-replica", desk.clock.now(), [])

    def refuse(_entries: object) -> None:
        raise OSError(28, "No space left on device")

    eraser.log.append = refuse  # type: ignore[method-assign, assignment]
    assert await eraser.apply_log() == 1
    assert await desk.rows(Event) == []


async def test_a_replica_copies_what_the_others_erase_while_it_runs(desk: Desk) -> None:
    """Whoever leads: an older copy may be put back with the file of any of them."""
    own, other = eraser_of(desk), eraser_of(desk)
    other.log = EraseLog(own.log.path.with_name("other.log"))
    watch = EraseWatch(other, lambda _state, _sentence: None)
    running = asyncio.create_task(watch.run(every_seconds=0.01))
    try:
        await watch.settled.wait()
        await own.erase("discord", "nobody", "self")
        while other.log.read().entries != own.log.read().entries:
            await asyncio.sleep(0.01)
    finally:
        running.cancel()


async def test_the_first_look_tells_how_it_is_whatever_it_finds(desk: Desk) -> None:
    """The start screen waits for it, so it says "starting" only where that is true."""
    said: list[str] = []
    watch = EraseWatch(eraser_of(desk), lambda state, _sentence: said.append(state))
    watch.begin()
    await watch.first_look(seconds=0)
    assert said == ["starting"], "it waits no longer than it was told"
    running = asyncio.create_task(watch.run())
    await watch.first_look(seconds=30)
    assert said == ["starting", "ok"]
    running.cancel()
    log_of(desk).path.unlink(missing_ok=True)
    log_of(desk).path.mkdir(parents=True)
    unreadable = EraseWatch(eraser_of(desk), lambda state, sentence: said.append(f"{state}: {sentence}"))
    running = asyncio.create_task(unreadable.run())
    await unreadable.first_look(seconds=30)
    running.cancel()
    assert said[-1].startswith("starting: waits: ")
    assert not unreadable.settled.is_set()


async def test_a_start_without_a_readable_log_is_not_settled(desk: Desk) -> None:
    log_of(desk).path.mkdir(parents=True)
    with pytest.raises(CannotStore, match="cannot be read"):
        await eraser_of(desk).apply_log()


async def test_an_unknown_person_is_not_logged(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await eraser_of(desk).erase_whom(Who("nobody"), "cli")
    assert log_of(desk).read().entries == ()


async def test_who_makes_ids_up_does_not_fill_the_log(desk: Desk) -> None:
    few = desk.settings.privacy.model_copy(update={"unknown_erasures_per_hour": 2})
    desk.settings = desk.settings.model_copy(update={"privacy": few})
    eraser = eraser_of(desk)
    for number in range(2):
        assert await eraser.erase("web", f"docs/made-up-{number}", "self", is_anonymous=True) is None
    with pytest.raises(LimitReached):
        await eraser.erase("web", "docs/made-up-2", "self", is_anonymous=True)
    assert len(log_of(desk).read().entries) == len(await desk.rows(AppliedErasure)) == 2
    await track(desk, ADA, "a")
    assert await eraser.erase("web", f"docs/{ADA}", "self", is_anonymous=True) is not None, "the known always may"
    for _ in range(TIMES_AN_HOUR):
        assert await eraser.erase("discord", "known-by-discord", "self") is None
    with pytest.raises(LimitReached):
        await eraser.erase("discord", "known-by-discord", "self")
    desk.later(hours=2)
    assert await eraser.erase("web", "docs/made-up-2", "self", is_anonymous=True) is None


async def test_an_entry_goes_when_no_copy_can_need_it(desk: Desk) -> None:
    """What an older copy holds of them is older than every time that rows of people are kept, so it goes by its age."""
    rules = desk.settings.retention
    longest = max(rules.feedback_days, rules.person_days)
    await eraser_of(desk).erase("web", f"docs/{ADA}", "self")
    desk.later(days=longest)
    await eraser_of(desk).erase("web", f"docs/{BEA}", "self")
    assert (await eraser_of(desk).apply_log(), len(log_of(desk).read().entries)) == (0, 2)
    desk.later(days=DAYS_OF_GRACE, hours=1)
    for _ in range(2):
        assert await eraser_of(desk).apply_log() == 0
        (entry,), (row,) = log_of(desk).read().entries, await desk.rows(AppliedErasure)
        assert (entry.id, entry.subjects) == (row.id, (identity_hash(KEY, "web", f"docs/{BEA}"),))
    assert len(await desk.rows(Suppression)) == 2, "nobody asks them, however long ago it was"


async def test_an_old_entry_counts_for_nothing_in_an_old_copy(desk: Desk) -> None:
    await eraser_of(desk).erase("web", f"docs/{ADA}", "self")
    kept = log_of(desk).path.read_bytes()
    desk.later(days=2000)
    await eraser_of(desk).apply_log()
    log_of(desk).path.write_bytes(kept)
    await track(desk, ADA, "a")
    assert await eraser_of(desk).apply_log() == 0
    assert len(await desk.rows(Event)) == 3


async def test_entries_stay_where_rows_of_people_stay_for_ever(desk: Desk) -> None:
    for_ever = desk.settings.retention.model_copy(update={"audit_days": 0})
    desk.settings = desk.settings.model_copy(update={"retention": for_ever})
    await eraser_of(desk).erase("web", f"docs/{ADA}", "self")
    desk.later(days=20_000)
    await eraser_of(desk).apply_log()
    assert len(log_of(desk).read().entries) == len(await desk.rows(AppliedErasure)) == 1


async def test_two_at_once_erase_a_person_once(desk: Desk) -> None:
    """Two replicas, each with its own lock: the counters are not taken back twice."""
    await track(desk, ADA, "a")
    await track(desk, BEA, "b")
    one, other = eraser_of(desk), eraser_of(desk)
    await asyncio.gather(*(eraser.erase("web", f"docs/{ADA}", "self") for eraser in (one, other)))
    assert await desk.counters() == await desk.rebuilt_counters()
    assert sum(count for key, (count, _) in (await desk.counters()).items() if key[1] == "page_view") == 1


async def test_what_arrives_while_somebody_is_erased_does_not_outlive_them(desk: Desk) -> None:
    """A unit that knows the person already and has not committed its event: the erasure waits and takes it too."""
    await track(desk, ADA, "a")
    erasing: asyncio.Task[object] | None = None

    async def arrive(session: AsyncSession) -> None:
        nonlocal erasing
        now = desk.clock.now()
        person_id, visitor = await note_web_usage(session, desk.settings, KEY, desk.site, ADA, now)
        if erasing is None:
            erasing = asyncio.create_task(eraser_of(desk).erase("web", f"docs/{ADA}", "self"))
            await asyncio.wait({erasing}, timeout=LONG_ENOUGH_TO_ERASE)  # it waits for this unit, or has missed it
        late: dict[str, Any] = {
            "event_id": "late",
            "name": "page_view",
            "page": "/late",
            "visitor": visitor,
            "person_id": person_id,
        }
        session.add(Event(site="docs", received_at=now, occurred_at=now, local_day=now.date(), **late))

    await desk.run(arrive)
    assert erasing is not None
    await erasing
    assert await desk.rows(Event) == []
    assert ADAS_HASH in {row.identity_hash for row in await desk.rows(Suppression)}


@pytest.mark.slow
async def test_it_ends_although_their_page_never_stops(desk: Desk) -> None:
    """On PostgreSQL their next event waits for each unit to end, so there is always one more."""
    await track(desk, BEA, "b")
    over = asyncio.Event()

    async def go_on(tab: int) -> int:
        sent = 0
        while not over.is_set():
            await track(desk, ADA, f"tab-{tab}-{sent}")
            sent += 1
        return sent * EVENTS_OF_A_VIEW

    await track(desk, ADA, "a")
    tabs = [asyncio.create_task(go_on(tab)) for tab in range(3)]
    first = await eraser_of(desk).erase("web", f"docs/{ADA}", "self")
    over.set()
    sent = EVENTS_OF_A_VIEW + sum(await asyncio.gather(*tabs))
    last = await eraser_of(desk).erase("web", f"docs/{ADA}", "self")
    assert sum(erased.rows["event"] for erased in (first, last) if erased) == sent
    assert ADA not in await dump(desk)
    assert len(await desk.rows(Event)) == EVENTS_OF_A_VIEW
    assert await desk.counters() == await desk.rebuilt_counters()
