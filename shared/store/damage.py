"""A SQLite file that is damaged is not written to: the look over it at the start, for as long as a start may take."""

import asyncio
import sqlite3
from pathlib import Path

from shared.clock import Clock
from shared.config import Settings
from shared.errors import StartRefused
from shared.store.database import DATABASE_FILE
from shared.store.dialect import first_problem

STEPS_BETWEEN_LOOKS = 10_000  # of SQLite's machine, between two looks at the clock: some milliseconds
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


async def refuse_damage(settings: Settings, clock: Clock) -> None:
    """Raises `StartRefused`, with nothing changed, when the database of the data folder is damaged."""
    folder = settings.store.data_dir
    found = await asyncio.to_thread(find_damage, folder / DATABASE_FILE, settings.store.check_seconds, clock)
    if found is not None:
        raise StartRefused(
            f"The database in {folder} is damaged, so nothing is written to it ({found}). Keep it aside and put a copy "
            f"back as the page on privacy says; the copies made before updates are in {folder / 'copies'}."
        )


def find_damage(file: Path, seconds: float, clock: Clock) -> str | None:
    """What SQLite finds wrong first; None for a sound file, no file, or one that is too large for so many seconds."""
    if not seconds or not file.exists():
        return None
    ends_at = clock.monotonic() + seconds
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
    try:
        connection.set_progress_handler(lambda: clock.monotonic() > ends_at, STEPS_BETWEEN_LOOKS)
        return first_problem(connection)
    except UnicodeDecodeError:  # what SQLite says repeats them
        return "its own names cannot be read"
    except sqlite3.DatabaseError as error:  # opened for real right after this, which says what else is wrong
        return str(error) if error.sqlite_errorcode & 0xFF in DAMAGED else None
    finally:
        connection.close()
