"""A batch that is refused as a whole counts with every event in it; what is stored only in part is counted too."""

from collections import Counter

from sqlmodel import select

from shared.store.models import Rollup
from tests.api.running_api import RunningApi
from tests.shared.ingest.track import make_event


async def counted(api: RunningApi) -> dict[tuple[str, str, str], int]:
    """Every counter of the intake: by site, measure and key."""
    await api.runtime.meter.flush(api.runtime.store)
    found: Counter[tuple[str, str, str]] = Counter()
    async with api.runtime.store.read() as session:
        for row in (await session.execute(select(Rollup))).scalars():
            found[row.site, row.measure, row.key] += row.count
    return found


async def test_every_event_of_a_batch_that_is_refused_as_a_whole_counts(api: RunningApi) -> None:
    most = api.runtime.settings.limits.batch_events
    too_many = [make_event() for _ in range(most + 1)]
    for body in (
        {"site": "docs", "events": too_many},
        {"site": "docs", "events": too_many[:3], "person": "?"},
        {"site": "nowhere", "events": too_many},
        {"site": 7, "events": too_many[:2]},
        {"site": "docs", "events": []},
    ):
        assert (await api.ask("POST", "/track", body)).status == 400
    found = await counted(api)
    assert found["docs", "received", ""] == found["docs", "drop", "invalid"] == most + 1 + 3 + 1
    assert found["", "received", ""] == found["", "drop", "unreadable"] == most + 1 + 2


async def test_texts_that_are_cut_are_counted(api: RunningApi) -> None:
    limits = api.runtime.settings.limits
    long = "t" * (limits.string_characters + 1)
    await api.track(make_event(title=long), make_event(page="/" + "p" * limits.page_characters), make_event(title="t"))
    await api.track(
        make_event(page="https://docs.example/a?" + "q" * limits.page_characters)
    )  # all of its path is kept
    found = await counted(api)
    assert (found["docs", "ignored_field", ""], found["docs", "stored", ""]) == (2, 4)
