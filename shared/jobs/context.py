"""What every job gets."""

from dataclasses import dataclass

from shared.clock import Clock
from shared.config import Settings
from shared.guard.privacy import VisitorHasher
from shared.ingest.erasure import Eraser
from shared.ingest.intake_meter import IntakeMeter
from shared.store.database import Store


@dataclass(frozen=True)
class JobContext:
    settings: Settings
    clock: Clock
    store: Store
    meter: IntakeMeter
    hasher: VisitorHasher
    eraser: Eraser
