"""History from elsewhere: exports of Plausible and Umami, and any CSV file with a header.

Files are read row by row into what is sent to the running process, where `ImportIntake` stores it.
"""

from shared.ingest.imports.csv_events import read_csv_events
from shared.ingest.imports.plausible_export import read_plausible
from shared.ingest.imports.rows import DayCounts, Found, ImportedEvent, Rejected
from shared.ingest.imports.taking import Import, ImportIntake
from shared.ingest.imports.umami_export import read_umami

__all__ = [
    "DayCounts",
    "Found",
    "Import",
    "ImportIntake",
    "ImportedEvent",
    "Rejected",
    "read_csv_events",
    "read_plausible",
    "read_umami",
]
