"""Keys of servers: shown once, found by what is presented, limited, revocable."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from shared.clock import ManualClock
from shared.errors import InvalidInput, NotFound
from shared.guard.api_keys import create_key, find_key, revoke_key, touch_key
from shared.guard.principals import ANONYMOUS, Principal
from shared.store.database import Store
from shared.store.models import ApiKey


async def run(store: Store, function: Any, *args: Any) -> Any:
    return await store.writer.run(lambda session: function(session, *args))


async def make(store: Store, clock: ManualClock, *scopes: str) -> tuple[ApiKey, str]:
    made: tuple[ApiKey, str] = await run(store, create_key, "mailer", "docs", scopes, "cli", clock.now())
    return made


async def find(store: Store, presented: str, clock: ManualClock) -> Principal | None:
    async with store.read() as session:
        return await find_key(session, presented, clock.now())


async def test_a_key_is_found_by_what_was_shown_once(store: Store, clock: ManualClock) -> None:
    key, shown = await make(store, clock, "events:write", "feedback:write")
    found = await find(store, shown, clock)
    assert found == Principal(
        "key", key.id, "mailer", site="docs", scopes=frozenset({"events:write", "feedback:write"})
    )
    assert shown.startswith(f"wr_{key.prefix}_")


async def test_only_a_digest_is_stored(store: Store, clock: ManualClock) -> None:
    _, shown = await make(store, clock, "events:write")
    async with store.read() as session:
        row = (await session.execute(select(ApiKey))).scalar_one()
    assert shown.split("_", 2)[2] not in str(row.model_dump())


async def test_a_revoked_key_is_dead_at_once_and_revoking_twice_is_harmless(store: Store, clock: ManualClock) -> None:
    key, shown = await make(store, clock, "events:write")
    for _ in range(2):
        await run(store, revoke_key, key.id, clock.now())
    assert await find(store, shown, clock) is None


async def test_nobody_revokes_what_does_not_exist(store: Store, clock: ManualClock) -> None:
    with pytest.raises(NotFound):
        await run(store, revoke_key, "nothing", clock.now())


@pytest.mark.parametrize("presented", ["", "wr_", "wr_abcdefgh_", "x" * 5000, "wr_abcdefgh_" + "é" * 43, "' OR 1=1 --"])
async def test_nonsense_is_no_key(store: Store, clock: ManualClock, presented: str) -> None:
    await make(store, clock, "events:write")
    assert await find(store, presented, clock) is None


async def test_one_wrong_letter_is_no_key(store: Store, clock: ManualClock) -> None:
    _, shown = await make(store, clock, "events:write")
    wrong = shown[:-1] + ("a" if shown[-1] != "a" else "b")
    assert await find(store, wrong, clock) is None


@pytest.mark.parametrize(
    ("name", "scopes", "field"), [("", ["events:write"], "name"), ("a", [], "scopes"), ("a", ["admin"], "scopes")]
)
async def test_a_key_needs_a_name_and_known_scopes(
    store: Store, clock: ManualClock, name: str, scopes: list[str], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await run(store, create_key, name, "docs", scopes, "cli", clock.now())
    assert [problem.field for problem in refused.value.problems] == [field]


async def test_the_last_use_is_noted_once_a_minute(store: Store, clock: ManualClock) -> None:
    key, _ = await make(store, clock, "events:write")
    first = clock.now()
    for seconds in (0, 30, 61):
        await run(store, touch_key, key.id, first + timedelta(seconds=seconds))
    async with store.read() as session:
        row = (await session.execute(select(ApiKey))).scalar_one()
    assert row.last_used_at == first + timedelta(seconds=61)


def test_a_scope_belongs_to_keys_only() -> None:
    assert Principal("key", "k", scopes=frozenset({"events:write"})).has_scope("events:write")
    assert not Principal("member", "m", scopes=frozenset({"events:write"})).has_scope("events:write")
    assert not ANONYMOUS.has_scope("events:write")
    assert (Principal("key", "k").actor, ANONYMOUS.actor) == ("key:k", "anonymous")
