"""Sends three events, a page and a trait with Segment's Python library: address of the server and key are arguments."""

import sys

from segment.analytics import Client

host, key = sys.argv[1:]
failures: list[Exception] = []
client = Client(key, host=host, gzip=True, upload_interval=0.05, on_error=lambda error, _: failures.append(error))
client.track("user-1", "Release Published", {"version": "1.2.0"}, message_id="segment-python-1")
client.track("user-1", "Order Completed", {"revenue": 9.99, "currency": "USD"}, message_id="segment-python-2")
odd = {"big": 2**64 - 1, "half": "\ud83d", "nul": "a\0b", "none": float("nan")}
client.track("user-1", "Odd Values", odd, message_id="segment-python-5")
client.page(
    "user-1",
    "Docs",
    "Intro",
    {"url": "https://docs.example/intro?utm_source=news&token=x"},
    message_id="segment-python-3",
)
client.identify("user-1", {"plan": "pro", "email": "ada@example.com"}, message_id="segment-python-4")
client.flush()
client.join()
print(failures)
sys.exit(bool(failures))
