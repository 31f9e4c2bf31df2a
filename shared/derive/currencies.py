"""Currencies: how many digits their minor unit has, and how an amount in minor units is written."""

from decimal import Decimal

NO_CURRENCY = "XXX"  # ISO 4217's own code for it
# ISO 4217: currencies whose smallest unit is not a hundredth
WHOLE_UNITS = [
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "UYI",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
]
EXPONENTS = {
    **dict.fromkeys(WHOLE_UNITS, 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def exponent_of(currency: str | None) -> int:
    """Digits of the minor unit; 2 where nothing else is known."""
    return EXPONENTS.get(currency or NO_CURRENCY, 2)


def write_amount(minor_units: int, currency: str) -> str:
    """“EUR 1,234.50”, “JPY 500”; without its code where none was given."""
    digits = exponent_of(currency)
    amount = f"{Decimal(minor_units).scaleb(-digits):,.{digits}f}".replace("-", "−")
    return f"{amount} (no currency)" if currency == NO_CURRENCY else f"{currency} {amount}"
