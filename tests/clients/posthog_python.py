"""Sends an event and a flag's evaluation with PostHog's Python library: address of the server and key are given."""

import sys

from posthog import Posthog

host, key = sys.argv[1:]
failures: list[Exception] = []
client = Posthog(key, host=host, gzip=True, flush_interval=0.05, on_error=lambda error, _: failures.append(error))
client.capture("deploy", distinct_id="ci", properties={"version": "1.2.0"}, uuid="50f23a7a-8b0a-4d62-867d-8c34eb2ad2c1")
client.capture(
    "$feature_flag_called",
    distinct_id="user-1",
    properties={"$feature_flag": "hero", "$feature_flag_response": "B"},
    uuid="50f23a7a-8b0a-4d62-867d-8c34eb2ad2c2",
)
client.shutdown()
print(failures)
sys.exit(bool(failures))
