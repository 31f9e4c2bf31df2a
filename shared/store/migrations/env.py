"""Runs migrations on a connection handed over by `shared.store.migrate`."""

from typing import Any, Literal

from alembic import context
from sqlmodel import SQLModel

import shared.store.models  # noqa: F401  # fills the metadata
from shared.store import column_types


def render_item(kind: str, item: Any, autogen: Any) -> str | Literal[False]:
    """Own types by name; plain strings instead of SQLModel's."""
    if kind == "type" and type(item).__module__ == column_types.__name__:
        autogen.imports.add(f"from {column_types.__name__} import {type(item).__name__}")
        return f"{type(item).__name__}()"
    if kind == "type" and type(item).__name__ == "AutoString":
        return "sa.String()"
    return False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_item=render_item,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
