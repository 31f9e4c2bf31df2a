"""Everything about one person: handed out as JSON, or removed with only a keyed hash left behind."""

from shared.ingest.erasure.eraser import Erased, Eraser
from shared.ingest.erasure.exporting import export_person, stream_person
from shared.ingest.erasure.reporting import describe_report, how_long, report, salt_ages
from shared.ingest.erasure.rows import ROWS_OF_A_PERSON, ROWS_OF_A_USER
from shared.ingest.erasure.subjects import KINDS, Who, check_identity, find_who

__all__ = [
    "KINDS",
    "ROWS_OF_A_PERSON",
    "ROWS_OF_A_USER",
    "Erased",
    "Eraser",
    "Who",
    "check_identity",
    "describe_report",
    "export_person",
    "find_who",
    "how_long",
    "report",
    "salt_ages",
    "stream_person",
]
