"""People in a store, for the tests of asking."""

import pytest

from shared.clock import ManualClock
from shared.config import Settings
from shared.store.database import Store
from tests.shared.decide.people import People


@pytest.fixture
def people(settings: Settings, store: Store, clock: ManualClock) -> People:
    return People(settings, store, clock)
