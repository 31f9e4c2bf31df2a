"""The long-lived key of keyed hashes, wherever this installation keeps it.

WARROOM_SECRET_KEY comes first. Without it SQLite has a 0600 file beside the database; on PostgreSQL, whose
processes may have no disk of their own, the first start puts a key into the database for all of them.
"""

import secrets
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import select

from shared.config import Settings
from shared.store.database import Store, instance_key
from shared.store.dialect import insert_if_new
from shared.store.models import StateValue

KEY_ROW = "instance_key"


async def load_instance_key(settings: Settings, store: Store, now: datetime) -> bytes:
    """32 bytes that stay the same over restarts, deployments and replicas."""
    if settings.uses_sqlite or settings.secrets.secret_key is not None:
        return instance_key(settings)

    async def keep(session: AsyncSession) -> str:
        await insert_if_new(session, StateValue(key=KEY_ROW, value={"hex": secrets.token_hex(32)}, changed_at=now))
        kept = (await session.execute(select(StateValue.value).where(StateValue.key == KEY_ROW))).scalar_one()
        return str(kept["hex"])

    return bytes.fromhex(await store.writer.run(keep))
