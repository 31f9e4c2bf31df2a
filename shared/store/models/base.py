"""What all tables share: naming of constraints and the privacy rule that each must state."""

from enum import StrEnum
from typing import Any

from sqlalchemy import MetaData
from sqlmodel import Field, SQLModel

from shared.store.column_types import BigId, Json, Utc

SQLModel.metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Erasure(StrEnum):
    """What erasing a person does to a table's rows."""

    DELETE = "delete"  # the person's rows go
    CLEAR = "clear"  # the rows stay, the columns that point to the person are emptied
    KEEP = "keep"  # nothing in it belongs to a person


def utc_field(*, nullable: bool = False, index: bool = False, default: Any = ...) -> Any:
    """A column that holds an aware UTC moment."""
    if nullable and default is ...:
        default = None
    return Field(default=default, sa_type=Utc, nullable=nullable, index=index)


def json_field(default_factory: Any) -> Any:
    """A column that holds plain JSON data."""
    return Field(default_factory=default_factory, sa_type=Json, nullable=False)


def key_field() -> Any:
    """A 64-bit key that the database numbers."""
    return Field(default=None, primary_key=True, sa_type=BigId)
