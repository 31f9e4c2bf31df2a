"""A desk for feedback, for the tests of the way in."""

import pytest

from shared.clock import ManualClock
from shared.config import Settings
from shared.store.database import Store
from tests.shared.ingest.intake import Desk


@pytest.fixture
def desk(settings: Settings, store: Store, clock: ManualClock) -> Desk:
    return Desk(settings, store, clock)
