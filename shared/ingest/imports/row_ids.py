"""Ids for rows that have none: the same file gives the same ids again, and every row of it is one of its own.

Rows with equal content are told apart by how many came before in the file. What was seen is counted in a private
SQLite file that ends with the import, so that memory does not grow with the export.
"""

import json
import sqlite3
from hashlib import blake2b

from shared.identifiers import fingerprint
from shared.ingest.imports.rows import Row

DIGEST_BYTES = 16
CREATE = "CREATE TABLE seen (content BLOB PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID"
COUNT = "INSERT INTO seen VALUES (?, 0) ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times"


class RowIds:
    """The ids of one file's rows, in their order."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._seen: sqlite3.Connection | None = None  # files with ids of their own need none

    def next_id(self, row: Row) -> str:
        content = json.dumps(row.values, sort_keys=True, ensure_ascii=False, default=str)
        return fingerprint("import", self._kind, content, str(self._times_before(content)))

    def close(self) -> None:
        """Forgets what was seen."""
        if self._seen is not None:
            self._seen.close()

    def _times_before(self, content: str) -> int:
        """In how many rows of the file this content stood already."""
        if self._seen is None:
            self._seen = _open_scratch()
        digest = blake2b(content.encode("utf-8", "replace"), digest_size=DIGEST_BYTES).digest()
        return int(self._seen.execute(COUNT, (digest,)).fetchone()[0])


def _open_scratch() -> sqlite3.Connection:
    """An empty name makes a file that SQLite deletes with the connection, and never syncs."""
    scratch = sqlite3.connect("", isolation_level=None)
    scratch.execute(CREATE)
    scratch.execute("BEGIN")
    return scratch
