"""What the goals that people reached were worth, by currency: different currencies are never added up."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy.ext.asyncio import AsyncSession

from shared.derive.currencies import write_amount
from shared.derive.kpis import sums_by_key
from shared.derive.rollups import OTHER_KEY

MOST_CURRENCIES = 1000


@dataclass(frozen=True)
class Worth:
    """The sum in one currency, in its minor unit, and of how many conversions."""

    currency: str
    minor_units: int
    count: int


async def load_worth(session: AsyncSession, site: str, start: date, end: date) -> list[Worth]:
    """The currency used most often first. What is beyond the bound of keys in a day has no currency and is left out."""
    sums = await sums_by_key(session, "conversion_value", site, start, end, MOST_CURRENCIES)
    return [Worth(row.key, round(row.total), row.count) for row in sums if row.key != OTHER_KEY]


def write_worth(found: Iterable[Worth]) -> str:
    """“EUR 1,234.50 and USD 9.00”; empty when nothing was worth anything."""
    amounts = [write_amount(worth.minor_units, worth.currency) for worth in found]
    return " and ".join([", ".join(amounts[:-1]), amounts[-1]]) if len(amounts) > 1 else "".join(amounts)
