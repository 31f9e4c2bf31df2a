"""Conversions carry a value in the minor unit of a currency, and no two currencies are ever added together."""

from datetime import date

import pytest

from shared.clock import ManualClock
from shared.config import Settings
from shared.derive.conversion_values import Worth, load_worth, write_worth
from shared.derive.currencies import write_amount
from shared.derive.rollups import rebuild
from shared.store.database import Store
from shared.store.models import Event
from tests.shared.ingest.track import Gate, make_event

DAY = date(2026, 3, 11)


@pytest.fixture
def gate(settings: Settings, store: Store, clock: ManualClock) -> Gate:
    return Gate(settings, store, clock)


async def worth_of_the_day(store: Store) -> dict[str, Worth]:
    async with store.read() as session:
        return {worth.currency: worth for worth in await load_worth(session, "docs", DAY, DAY)}


async def test_each_currency_has_its_own_sum(gate: Gate, store: Store) -> None:
    sold = [
        ("EUR", 1999),
        ("EUR", 1),
        ("USD", 500),
        ("JPY", 980),
        (None, 70),
        ("EUR", None),
        (None, None),
        ("EUR", -500),
    ]
    for currency, value in sold:
        await gate.send(make_event("conversion", goal="buy", value_cents=value, currency=currency))
    expected = {
        "EUR": Worth("EUR", 1500, 3),
        "USD": Worth("USD", 500, 1),
        "JPY": Worth("JPY", 980, 1),
        "XXX": Worth("XXX", 70, 1),
    }
    assert await worth_of_the_day(store) == expected
    assert await gate.counts("conversion") == {"buy": len(sold)}
    kept = {(event.currency, event.value_cents) for event in await gate.rows(Event)}
    assert kept == set(sold)
    await store.writer.run(lambda session: rebuild(session, "docs", DAY))
    assert await worth_of_the_day(store) == expected


async def test_the_totals_of_goals_hold_no_mixed_money(gate: Gate) -> None:
    await gate.send(make_event("conversion", goal="buy", value_cents=100, currency="EUR"))
    await gate.send(make_event("conversion", goal="buy", value_cents=100, currency="USD"))
    totals = {place[0]: total for place, (_, total) in (await gate.counters()).items() if place[0] == "conversion"}
    assert totals == {"conversion": 0}


async def test_beyond_the_bound_of_a_day_nothing_is_mixed(
    gate: Gate, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.derive.rollups.counting.KEYS_PER_DAY", 2)
    for currency in ("EUR", "USD", "CHF", "GBP"):
        await gate.send(make_event("conversion", goal="buy", value_cents=100, currency=currency))
    assert set(await worth_of_the_day(store)) == {"EUR", "USD"}


@pytest.mark.parametrize(
    ("minor", "currency", "words"),
    [
        (123450, "EUR", "EUR 1,234.50"),
        (-5, "USD", "USD −0.05"),
        (500, "JPY", "JPY 500"),
        (1234567, "KWD", "KWD 1,234.567"),
        (70, "XXX", "0.70 (no currency)"),
    ],
)
def test_amounts_are_written_with_the_digits_of_their_currency(minor: int, currency: str, words: str) -> None:
    assert write_amount(minor, currency) == words


def test_several_currencies_are_written_beside_each_other() -> None:
    found = [Worth("EUR", 100, 1), Worth("USD", 200, 1), Worth("JPY", 3, 1)]
    assert [write_worth(found[:count]) for count in range(4)] == [
        "",
        "EUR 1.00",
        "EUR 1.00 and USD 2.00",
        "EUR 1.00, USD 2.00 and JPY 3",
    ]
