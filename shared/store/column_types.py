"""Column types that behave the same on SQLite and PostgreSQL."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import JSON, BigInteger, Date, DateTime, Dialect, Integer, LargeBinary, String, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY = EPOCH.toordinal()
MILLISECOND = timedelta(milliseconds=1)
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HEX = re.compile(r"u?[0-9a-f]{32}")
UUID_CHARACTERS = 36
HEX_DIGITS = 32
MARK = "u"  # before the digits: the visitor is a user whom servers name

BigId = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself only for INTEGER keys


class Utc(TypeDecorator[datetime]):
    """An aware datetime in UTC; SQLite would otherwise give it back naive."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime must not reach the store")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Moment(TypeDecorator[datetime]):
    """An aware datetime in UTC to the millisecond; a number on SQLite, where rows are many and text is long."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else DateTime(timezone=True))

    def bind_processor(self, dialect: Dialect) -> Any:
        return _to_milliseconds if dialect.name == "sqlite" else _to_utc

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        return _from_milliseconds if dialect.name == "sqlite" else _to_utc


def _to_utc(value: datetime | None) -> datetime | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("a naive datetime must not reach the store")
    return value.astimezone(UTC)


def _to_milliseconds(value: datetime | None) -> int | None:
    return None if value is None else (value - EPOCH) // MILLISECOND


def _from_milliseconds(value: int | None) -> datetime | None:
    return None if value is None else EPOCH + value * MILLISECOND


class Day(TypeDecorator[date]):
    """A calendar day; the number of days since 1970 on SQLite."""

    impl = Date
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else Date())

    def bind_processor(self, dialect: Dialect) -> Any:
        return _to_days if dialect.name == "sqlite" else None

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        return _from_days if dialect.name == "sqlite" else None


def _to_days(value: date | None) -> int | None:
    return None if value is None else value.toordinal() - EPOCH_DAY


def _from_days(value: int | None) -> date | None:
    return None if value is None else date.fromordinal(value + EPOCH_DAY)


class ShortUuid(TypeDecorator[str]):
    """A text that mostly is a UUID as it is written.

    Then it takes 16 bytes on SQLite; every other text stays as it is, and on PostgreSQL all are text.
    """

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(LargeBinary() if dialect.name == "sqlite" else String())

    def bind_processor(self, dialect: Dialect) -> Any:
        return _shorten_uuid if dialect.name == "sqlite" else None

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        return _lengthen_uuid if dialect.name == "sqlite" else None


class ShortHex(ShortUuid):
    """As `ShortUuid`, for 32 hex digits: what keyed hashes are. With a mark before them they take 17 bytes."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:
        return _shorten_hex if dialect.name == "sqlite" else None

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        return _lengthen_hex if dialect.name == "sqlite" else None


def _shorten_uuid(text: str | None) -> bytes | str | None:
    if text is None or len(text) != UUID_CHARACTERS or UUID.fullmatch(text) is None:
        return text
    return bytes.fromhex(text.replace("-", ""))


def _shorten_hex(text: str | None) -> bytes | str | None:
    if text is None or HEX.fullmatch(text) is None:
        return text
    return bytes.fromhex(text) if len(text) == HEX_DIGITS else MARK.encode() + bytes.fromhex(text[1:])


def _lengthen_uuid(kept: bytes | str | None) -> str | None:
    if not isinstance(kept, bytes):
        return kept
    digits = kept.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _lengthen_hex(kept: bytes | str | None) -> str | None:
    if not isinstance(kept, bytes):
        return kept
    return kept.hex() if len(kept) == HEX_DIGITS // 2 else MARK + kept[1:].hex()


class Properties(TypeDecorator[dict[str, Any]]):
    """A JSON object that is mostly empty: then it is NULL in the row."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(JSONB() if dialect.name == "postgresql" else JSON())

    def bind_processor(self, dialect: Dialect) -> Any:
        return _to_json

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        return _from_json


def _to_json(value: dict[str, Any] | None) -> str | None:
    return msgspec.json.encode(value).decode() if value else None


def _from_json(kept: str | dict[str, Any] | None) -> dict[str, Any]:
    """Text on SQLite; PostgreSQL's driver has decoded it already."""
    found: dict[str, Any] = msgspec.json.decode(kept) if isinstance(kept, str) else kept or {}
    return found


class Json(TypeDecorator[Any]):
    """JSON text on SQLite, JSONB on PostgreSQL."""

    impl = JSON
    cache_ok = True

    @property
    def comparator_factory(self) -> Any:  # type: ignore[override]
        return JSON.Comparator

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(JSONB() if dialect.name == "postgresql" else JSON())
