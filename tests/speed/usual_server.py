"""How such an intake is usually written: FastAPI, SQLAlchemy's ORM, a session and a commit for each request.

The yardstick of goal 4. Its two packages are in the dependency group `bench`, not `dev`: no test needs them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Response
from pydantic import BaseModel
from sqlalchemy import JSON, BigInteger, DateTime, Integer, event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class StoredEvent(Base):
    __tablename__ = "usual_event"

    number: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    site: Mapped[str]
    event_id: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    view: Mapped[str | None]
    page: Mapped[str | None]
    title: Mapped[str | None]
    engaged_ms: Mapped[int | None]
    props: Mapped[dict[str, Any]] = mapped_column(JSON)


class SentEvent(BaseModel):
    id: str
    name: str
    at: int | None = None
    title: str | None = None
    marked: bool = False
    engaged_ms: int | None = None
    scroll_percent: int | None = None
    props: dict[str, str | int | float | bool | None] = {}


class SentBatch(BaseModel):
    site: str
    view: str | None = None
    page: str | None = None
    events: list[SentEvent]


def make_usual_app(engine: AsyncEngine) -> FastAPI:
    app = FastAPI()

    @app.post("/track")
    async def track(batch: SentBatch) -> Response:
        async with AsyncSession(engine) as session:
            for sent in batch.events:
                session.add(
                    StoredEvent(
                        site=batch.site,
                        event_id=sent.id,
                        name=sent.name,
                        received_at=datetime.now(UTC),
                        view=batch.view,
                        page=batch.page,
                        title=sent.title,
                        engaged_ms=sent.engaged_ms,
                        props=sent.props,
                    )
                )
            try:
                await session.commit()
            except IntegrityError:
                await session.rollback()
        return Response(status_code=202)

    return app


@asynccontextmanager
async def serve_usual_app(port: int, folder: Path, database_url: str) -> AsyncIterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(database_url or f"sqlite+aiosqlite:///{folder / 'usual.sqlite'}")
    if not database_url:
        event.listen(engine.sync_engine, "connect", _make_durable)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    # The script's beacons are text/plain; FastAPI reads JSON of any type only when told not to be strict.
    server = uvicorn.Server(
        uvicorn.Config(_as_json(make_usual_app(engine)), port=port, log_level="error", access_log=False)
    )
    server.config.load()
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield
    server.should_exit = True
    await task
    await engine.dispose()


def _as_json(app: Any) -> Any:
    async def typed(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            others = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
            scope["headers"] = [*others, (b"content-type", b"application/json")]
        await app(scope, receive, send)

    return typed


def _make_durable(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()
