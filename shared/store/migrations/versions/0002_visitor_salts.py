"""Salts of visitor hashes: a table on PostgreSQL only; SQLite keeps them in a file beside it."""

from alembic import op

from shared.store import dialect

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    dialect.create_salt_table(op.get_bind())


def downgrade() -> None:
    dialect.drop_salt_table(op.get_bind())
