"""Money as clients write it, read into whole numbers of the smallest unit of its currency."""

import re
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from shared.derive.currencies import exponent_of

LARGEST_VALUE = 10**12
LONGEST_AMOUNT = 40
# A sign of the currency or its three letters around the digits; 1,234.50 is grouped, 9,99 has a decimal comma.
AMOUNT = re.compile(
    r"(-?)\s*(?:[A-Z]{3}|[$\u20ac\u00a3\u00a5])?\s*(-?)([0-9][0-9.,]*)\s*(?:[A-Z]{3}|[$\u20ac\u00a3\u00a5])?"
)
GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+")
DECIMAL_COMMA = re.compile(r"[0-9]+,[0-9]{1,2}")


def read_money(values: Mapping[str, Any], keys: Iterable[str], currency: str | None) -> dict[str, Any]:
    """The fields of a conversion from the first of the keys that holds an amount; empty when none does."""
    for key in keys:
        cents = minor_units(values.get(key), currency)
        if cents is not None:
            return {"value_cents": cents, "currency": currency}
    return {}


def minor_units(amount: Any, currency: str | None) -> int | None:
    """An amount in units of its currency as a whole number of its smallest one; None when it is no amount."""
    if isinstance(amount, bool) or not isinstance(amount, int | float | str) or len(str(amount)) > LONGEST_AMOUNT:
        return None
    try:
        value = Decimal(_plain(str(amount).strip())).scaleb(exponent_of(currency))
        whole = int(value.quantize(Decimal(1), ROUND_HALF_UP))
    except (InvalidOperation, ValueError, OverflowError):
        return None
    return whole if abs(whole) <= LARGEST_VALUE else None


def _plain(text: str) -> str:
    """The digits of an amount that was written for people; what could mean two amounts stays as it is, and is none."""
    found = AMOUNT.fullmatch(text)
    if found is None or (found[1] and found[2]):
        return text
    digits = found[3]
    if GROUPED.fullmatch(digits):
        digits = digits.replace(",", "")
    elif DECIMAL_COMMA.fullmatch(digits):
        digits = digits.replace(",", ".")
    return ("-" if found[1] or found[2] else "") + digits


def currency_of(value: Any) -> str | None:
    """Three capital letters."""
    found = value.strip().upper() if isinstance(value, str) else ""
    return found if re.fullmatch(r"[A-Z]{3}", found) else None
