"""Opens the store: one owner of a SQLite file or a pool on PostgreSQL, for writing and for reading."""

import asyncio
import fcntl
import logging
import os
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from shared.config import Settings
from shared.errors import CannotStore, StartRefused
from shared.store import dialect
from shared.store.postgres_writer import PostgresWriter
from shared.store.sqlite_writer import SqliteWriter, WritingConnection
from shared.store.writer import ERASED, Writer

logger = logging.getLogger(__name__)

WAL_TRIES = 100
WAL_PAUSE_SECONDS = 0.1
CLEANING_SECONDS = 1.0
DATABASE_FILE = "warroom.sqlite"
LOCK_FILE = "warroom.lock"
SOCKET_FILE = "warroom.sock"
KEY_FILE = "secret.key"
KEY_DIGITS = re.compile("[0-9a-fA-F]{64}")


class Store:
    """`writer` changes rows, `read()` reads committed ones."""

    def __init__(self, writing: AsyncEngine, reading: AsyncEngine, writer: Writer, lock: IO[str] | None) -> None:
        self.writing_engine = writing
        self._reading = reading
        self.writer = writer
        self._lock = lock
        self._cleaning: asyncio.Task[None] | None = None
        if not self.is_postgresql:
            writer.listen(self._clean_after_erasing)

    @property
    def is_postgresql(self) -> bool:
        return dialect.is_postgresql(self._reading.dialect)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session for reading, in which SQLite itself refuses writes; raises `CannotStore` while it is away."""
        try:
            async with AsyncSession(self._reading, expire_on_commit=False) as session:
                yield session
        except Exception as error:  # while connecting, the driver's own errors come unwrapped
            if dialect.is_unavailable(error):
                raise CannotStore("The database does not answer right now. Please try again.") from error
            raise

    def _clean_after_erasing(self, topics: frozenset[str]) -> None:
        if ERASED in topics and (self._cleaning is None or self._cleaning.done()):
            self._cleaning = asyncio.create_task(self._empty_wal(), name="empty the WAL")

    async def _empty_wal(self) -> None:
        for _ in range(WAL_TRIES):
            try:
                if await self._truncate_wal():
                    return
            except Exception as error:  # tried again below
                logger.warning("the WAL could not be emptied: %s", type(error).__name__)
            await asyncio.sleep(WAL_PAUSE_SECONDS)  # a reader still looks at the old state
        logger.warning("the WAL is still read by somebody; it is emptied at the next checkpoint")

    async def _truncate_wal(self) -> bool:
        """Between two batches: it can run beside no transaction of the one writing connection."""
        return isinstance(self.writer, SqliteWriter) and await self.writer.run_alone(dialect.truncate_wal)

    async def ping(self) -> None:
        """Raises when the store cannot be read."""
        async with self.read() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Commits what waits, then lets go of the file or the pool."""
        if self._cleaning is not None:
            await asyncio.wait([self._cleaning], timeout=CLEANING_SECONDS)
        await self.writer.close()
        if self._cleaning is not None:
            self._cleaning.cancel()  # closing the last connection empties the WAL too
        await self.writing_engine.dispose()
        if self._reading is not self.writing_engine:
            await self._reading.dispose()
        if self._lock is not None:
            self._lock.close()


def own_data_dir(data_dir: Path) -> IO[str]:
    """Takes the one lock of the data folder; raises `StartRefused` when it cannot be used or another process has it."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = (data_dir / LOCK_FILE).open("a+")
    except OSError as error:
        raise _unusable(data_dir, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise StartRefused(f"Another Warroom process already uses {data_dir}; stop it first.") from None
    return handle


def _unusable(data_dir: Path, error: OSError) -> StartRefused:
    return StartRefused(
        f"The data folder {data_dir} cannot be used ({error.strerror or type(error).__name__}); "
        "check store.data_dir (WARROOM_DATA_DIR)."
    )


def open_engines(settings: Settings, connection: WritingConnection | None = None) -> tuple[AsyncEngine, AsyncEngine]:
    """The engine that writes and the one that reads; a logged error never shows the values of a statement.

    `connection` hears of the one that writes a SQLite file.
    """
    if settings.uses_sqlite:
        url = f"sqlite+aiosqlite:///{settings.store.data_dir / DATABASE_FILE}"
        creator = (connection or WritingConnection(settings.store.data_dir / DATABASE_FILE)).connect
        writing = create_async_engine(url, pool_size=1, max_overflow=0, hide_parameters=True, async_creator=creator)
        reading = create_async_engine(url, pool_size=4, max_overflow=4, hide_parameters=True)
        dialect.prepare_sqlite(writing, writes=True)
        dialect.prepare_sqlite(reading, writes=False)
        return writing, reading
    url = dialect.async_url(settings.store.database_url.get_secret_value())
    options = {"command_timeout": 10, "timeout": 5, "server_settings": {"synchronous_commit": "on", "timezone": "UTC"}}
    size = settings.store.pool_size

    def engine(arguments: dict[str, object]) -> AsyncEngine:
        return create_async_engine(
            url,
            pool_size=size,
            max_overflow=size,
            pool_timeout=5,
            pool_pre_ping=True,
            connect_args=arguments,
            hide_parameters=True,
        )

    return engine(options), engine(options)


def open_store(settings: Settings, lock: IO[str] | None = None) -> Store:
    """The store of this process. On SQLite `lock` is the one from `own_data_dir`."""
    connection = WritingConnection(settings.store.data_dir / DATABASE_FILE)
    writing, reading = open_engines(settings, connection)
    writer: Writer
    if settings.uses_sqlite:
        writer = SqliteWriter(writing, connection, settings.store.queue_limit, settings.store.batch_limit)
    else:
        writer = PostgresWriter(writing, settings.store.queue_limit)
    return Store(writing, reading, writer, lock)


def instance_key(settings: Settings) -> bytes:
    """The long-lived key of keyed hashes: WARROOM_SECRET_KEY, or a 0600 file beside the database."""
    if settings.secrets.secret_key is not None:
        return _parse_key(settings.secrets.secret_key.get_secret_value(), "WARROOM_SECRET_KEY")
    path = settings.store.data_dir / KEY_FILE
    try:
        if not path.exists():
            _make_key_file(path)
        shown = path.read_text("ascii", "replace")
    except OSError as error:
        raise _unusable(path.parent, error) from error
    return _parse_key(shown, str(path))


def _parse_key(shown: str, place: str) -> bytes:
    """The same digits are the same key wherever they stand; the refusal never repeats them."""
    if KEY_DIGITS.fullmatch(shown.strip()) is None:
        raise StartRefused(
            f"{place} does not hold a key of 64 hex digits; restore the one used so far, or make the first one with: "
            'python -c "import secrets; print(secrets.token_hex(32))"'
        )
    return bytes.fromhex(shown.strip())


def _make_key_file(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # a crash may have left one
    with os.fdopen(descriptor, "w") as handle:
        handle.write(secrets.token_hex(32))
        handle.flush()
        os.fsync(handle.fileno())
    with suppress(FileExistsError):
        os.link(draft, path)  # never overwrites: the first of two starts wins
    draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name must survive a power cut as well as the digits
    finally:
        os.close(folder)
