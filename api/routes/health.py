"""Is it alive, is it ready, and its numbers for Prometheus."""

import asyncio
import os
from collections.abc import Mapping
from itertools import accumulate
from typing import Literal

import psutil
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from pydantic import BaseModel

from api.routing import PUBLIC, RUNTIME, Operation, Route
from shared.derive.rollups.intake import ANSWER, DROP, FEEDBACK_DROP, LAG, RECEIVED, REPEATED, STORED
from shared.ingest.intake_meter import LAG_BUCKETS_MS, OPEN_BUCKET
from shared.runtime import Runtime
from shared.store import outbox

READY_SECONDS = 2.0


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"]


class Part(BaseModel):
    """`ok` works, `off` is not switched on here, `down` should work and does not, `starting` is awaited."""

    state: Literal["ok", "off", "down", "starting"]
    sentence: str


class Readiness(BaseModel):
    """Whether the store answers and takes changes, whether this process leads, and how each part is."""

    ready: bool
    leader: bool
    parts: dict[str, Part]


async def answer_health(request: web.Request) -> web.Response:
    """The process answers; the database is not asked."""
    return web.json_response({"status": "ok"})


async def answer_ready(request: web.Request) -> web.Response:
    """503 when the store cannot be read, takes no changes, or has people to erase again; each part says how it is."""
    runtime = request.app[RUNTIME]
    problem = await _problem_of_store(runtime)
    parts = {name: {"state": part.state, "sentence": part.sentence} for name, part in runtime.parts.all().items()}
    parts["store"] = {"state": "down" if problem else "ok", "sentence": problem or "changes are stored"}
    is_ready = problem is None and runtime.is_settled()
    body = {"ready": is_ready, "leader": runtime.is_leader(), "parts": parts}
    return web.json_response(body, status=200) if is_ready else _not_ready(body)


async def _problem_of_store(runtime: Runtime) -> str | None:
    try:
        await asyncio.wait_for(runtime.store.ping(), READY_SECONDS)
    except Exception:  # whatever the driver raises, the answer is the same
        return "the database does not answer"
    return await runtime.store_watch.check()


def _not_ready(body: dict[str, object]) -> web.Response:
    return web.json_response(body, status=503, headers={"Retry-After": "5"})


async def answer_metrics(request: web.Request) -> web.Response:
    """Prometheus text format, from a registry of our own."""
    runtime = request.app[RUNTIME]
    try:
        async with runtime.store.read() as session:
            waiting = await asyncio.wait_for(outbox.count_by_state(session), READY_SECONDS)
    except Exception:  # numbers of the process are still worth having
        waiting = {}
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers(runtime, waiting))
    text = generate_latest(registry)
    return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


class _Numbers:
    """One reading of everything that is counted."""

    def __init__(self, runtime: Runtime, waiting: dict[str, int]) -> None:
        self._runtime = runtime
        self._waiting = waiting

    def collect(self) -> list[Metric]:
        totals = self._runtime.meter.totals
        answers = CounterMetricFamily("warroom_intake_answers", "Answers of intake routes", labels=["route", "status"])
        drops = CounterMetricFamily("warroom_intake_drops", "Left out by rule", labels=["what", "reason"])
        events = CounterMetricFamily("warroom_intake_events", "What became of events", labels=["became"])
        for (measure, key), count in totals.items():
            if measure == ANSWER:
                answers.add_metric(key.split(":"), count)
            elif measure in (DROP, FEEDBACK_DROP):
                drops.add_metric(["events" if measure == DROP else "feedback", key], count)
            elif measure in (RECEIVED, STORED, REPEATED):
                events.add_metric([measure], count)
        rows = GaugeMetricFamily("warroom_outbox_messages", "Messages by state", labels=["state"])
        for state, count in self._waiting.items():
            rows.add_metric([state], count)
        parts = GaugeMetricFamily("warroom_part_up", "1 works, 0 is down", labels=["part"])
        for name, part in self._runtime.parts.all().items():
            if part.state != "off":
                parts.add_metric([name], float(part.state == "ok"))
        leader = GaugeMetricFamily("warroom_leader", "1 while this process leads")
        leader.add_metric([], float(self._runtime.is_leader()))
        return [answers, drops, events, _lag(totals), rows, parts, leader, *_process_numbers()]


def _lag(totals: Mapping[tuple[str, str], int]) -> HistogramMetricFamily:
    """A histogram as Prometheus wants it: in seconds, each bucket with all smaller ones."""
    family = HistogramMetricFamily("warroom_intake_lag_seconds", "From receipt to commit")
    bounds = [str(bound) for bound in LAG_BUCKETS_MS]
    counts = accumulate(totals.get((LAG, bound), 0) for bound in [*bounds, OPEN_BUCKET])
    names = [*(f"{bound / 1000:g}" for bound in LAG_BUCKETS_MS), "+Inf"]
    family.add_metric([], list(zip(names, counts, strict=True)), None)
    return family


def _process_numbers() -> list[Metric]:
    process = psutil.Process(os.getpid())
    memory = GaugeMetricFamily("warroom_resident_memory_bytes", "Memory of the process")
    memory.add_metric([], float(process.memory_info().rss))
    files = GaugeMetricFamily("warroom_open_files", "Open descriptors")
    files.add_metric([], float(process.num_fds()))
    return [memory, files]


HEALTH = Operation("The process answers", answer=Health, answer_example={"status": "ok"})
READY = Operation(
    "Which part is down",
    answer=Readiness,
    others={503: "the store does not answer or takes no changes; the body says the same"},
    answer_example={
        "ready": True,
        "leader": True,
        "parts": {"discord": {"state": "down", "sentence": "Discord lost the connection; it is being restored."}},
    },
)
METRICS = Operation("Numbers for Prometheus", answer_type="text/plain")
ROUTES = [
    Route("GET", "/healthz", answer_health, PUBLIC, HEALTH),
    Route("GET", "/readyz", answer_ready, PUBLIC, READY),
    Route("GET", "/metrics", answer_metrics, PUBLIC, METRICS),
]
