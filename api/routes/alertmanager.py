"""Alerts of another monitoring system: Alertmanager's webhook, and its API as Prometheus, Grafana and amtool use it.

A sender repeats what was answered with 5xx and gives up on 4xx, so only what can never be taken is a 4xx; who sends
too much hears 503. What is good in a message is kept before the rest is refused, as Alertmanager does.
"""

from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field, RootModel

from api.foreign_senders import key_with, presented_key
from api.routing import INTAKE, PUBLIC, RUNTIME, Operation, Route
from api.sdk_body import read_sdk_json
from shared.errors import CannotStore, InvalidInput
from shared.guard.principals import Principal
from shared.ingest.external_events import AlertReceipt, take_alerts
from shared.ingest.protocols import alertmanager

SCOPE = "alerts:write"
KEY_WAIT_SECONDS = 60


class WebhookAlert(BaseModel):
    status: str = Field(description="firing or resolved")
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: str
    endsAt: str | None = None
    generatorURL: str | None = None
    fingerprint: str | None = None


class WebhookMessage(BaseModel):
    """A group message of version 4; other keys are ignored."""

    version: str
    alerts: list[WebhookAlert]


class PostableAlert(BaseModel):
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: str | None = Field(None, description="absent: the alert of these labels that is still open, or now")
    endsAt: str | None = Field(None, description="in the past: it is resolved")
    generatorURL: str | None = None


class PostableAlerts(RootModel[list[PostableAlert]]):
    """What Alertmanager's API takes."""


class StatusAnswer(BaseModel):
    """As Alertmanager answers; amtool asks for it first."""

    cluster: dict[str, Any]
    config: dict[str, str]
    uptime: str
    versionInfo: dict[str, str]


async def _key_of(request: web.Request) -> Principal:
    return await key_with(request, presented_key(request.headers), SCOPE)


async def take_webhook(request: web.Request) -> web.Response:
    """200 after the commit."""
    key, limits = await _key_of(request), request.app[RUNTIME].settings.limits
    with _told_by(request, key) as told:
        told.parsed = alertmanager.parse_webhook(await read_sdk_json(request), limits)
        return await _store(request, key, alertmanager.WEBHOOK, told)


async def take_alert_list(request: web.Request) -> web.Response:
    """200 after the commit."""
    key, runtime = await _key_of(request), request.app[RUNTIME]
    with _told_by(request, key) as told:
        raw = await read_sdk_json(request)
        told.parsed = alertmanager.parse_alerts(raw, runtime.settings.limits, runtime.clock.now())
        return await _store(request, key, alertmanager.API_V2, told)


def _told_by(request: web.Request, key: Principal) -> AlertReceipt:
    return AlertReceipt(request.app[RUNTIME].meter, key.site or "")


async def _store(request: web.Request, key: Principal, source: str, told: AlertReceipt) -> web.Response:
    runtime, alerts = request.app[RUNTIME], told.parsed.good
    if not runtime.track_limiter.allow_key(key.id, len(alerts)):
        told.reason = "limit"
        raise CannotStore("This key has sent too much; please wait a minute.", KEY_WAIT_SECONDS)
    site, now = key.site or "", runtime.clock.now()
    if alerts:
        told.outcome = await runtime.store.writer.run(lambda session: take_alerts(session, site, source, alerts, now))
    if told.parsed.problems:
        raise InvalidInput("Some alerts were refused; the others are kept.", told.parsed.problems)
    return web.Response(status=200)


async def show_status(request: web.Request) -> web.Response:
    """What amtool wants to know before it sends anything."""
    await _key_of(request)
    return web.json_response(alertmanager.status_of(request.app[RUNTIME].clock.now()))


ANSWERS = {
    400: "an alert could not be read; the others are kept",
    401: "the key is missing or not valid",
    403: "the key lacks the scope alerts:write",
    413: "the body is too large, or has too many alerts",
    415: "the content type or encoding is not taken",
    503: "cannot store now, or the key has sent too many; try again",
}
LABELS = {"alertname": "CTRDrop", "service": "docs", "severity": "P1"}
WEBHOOK_OPERATION = Operation(
    summary="Take a message of Alertmanager's webhook",
    body=WebhookMessage,
    answers=ANSWERS,
    takes_key=True,
    example={
        "version": "4",
        "alerts": [
            {
                "status": "firing",
                "labels": LABELS,
                "annotations": {"summary": "CTR down 40%"},
                "startsAt": "2026-11-21T03:50:46.658320997Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "fingerprint": "8a111dfa0517514c",
            }
        ],
    },
)
ALERTS_OPERATION = Operation(
    summary="Take alerts as Alertmanager's API does",
    body=PostableAlerts,
    answers=ANSWERS,
    takes_key=True,
    example=[{"labels": LABELS, "annotations": {"summary": "CTR down 40%"}}],
)
STATUS_OPERATION = Operation(
    summary="What Alertmanager says of itself",
    answer=StatusAnswer,
    answers={401: ANSWERS[401], 403: ANSWERS[403]},
    takes_key=True,
)
ROUTES = [
    Route("POST", "/api/v1/alertmanager", take_webhook, INTAKE, WEBHOOK_OPERATION),
    Route("POST", "/api/v2/alerts", take_alert_list, INTAKE, ALERTS_OPERATION),
    Route("GET", "/api/v2/status", show_status, PUBLIC, STATUS_OPERATION),
]
