"""How many examples a property is tried on: a few in the quick run, 20,000 in a full check, more before a release."""

import os

from hypothesis import HealthCheck, settings

QUICK, FULL = 100, 20_000
EXAMPLES = int(os.environ.get("WARROOM_EXAMPLES") or (FULL if os.environ.get("WARROOM_CHECK") else QUICK))


def tried(examples: int) -> settings:
    """The same examples each time, so that a release cannot fail by chance; a number of one's own draws new ones."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize="WARROOM_EXAMPLES" not in os.environ,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


many_examples = tried(EXAMPLES)
whole_bodies = tried(max(QUICK, EXAMPLES // 4))  # making one takes ten times as long
some_examples = tried(max(QUICK, EXAMPLES // 10))  # of short functions with few ways through them
