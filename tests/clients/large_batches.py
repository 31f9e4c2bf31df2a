"""Sends the largest batch that Segment's or PostHog's Python library makes: library, address of the server and key."""

import sys

from posthog import Posthog
from segment.analytics import Client

library, host, key = sys.argv[1:]
failures: list[Exception] = []
if library == "segment":
    segment = Client(
        key, host=host, upload_interval=2, upload_size=100, on_error=lambda error, _: failures.append(error)
    )
    for number in range(40):
        segment.track("user-1", "large", {"text": "x" * 31_000}, message_id=f"large-{number}")
    segment.flush()
    segment.join()
else:
    posthog = Posthog(key, host=host, flush_interval=2, on_error=lambda error, _: failures.append(error))
    for number in range(14):
        posthog.capture("large", distinct_id="ci", properties={"text": "x" * 900_000}, uuid=f"large-{number:08}")
    posthog.shutdown()
print(failures)
sys.exit(bool(failures))
