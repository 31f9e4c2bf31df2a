"""What Alertmanager tells (webhook version 4) and what Prometheus, amtool and others tell it (`POST /api/v2/alerts`).

An alert is known by the fingerprint of its labels and the moment it began; the same one is told again and again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from shared.config import LimitSettings
from shared.errors import BodyTooLarge, FieldProblem, InvalidInput
from shared.ingest.event_properties import clean_free_text
from shared.ingest.protocols.foreign import moment_of, page_of, text_of

WEBHOOK = "webhook"
API_V2 = "api"
MOST_PROBLEMS = 20  # that are told
MOST_ENTRIES = 40  # labels, and annotations, of one alert
NAME_CHARACTERS = 120
SEVERITY_CHARACTERS = 32
LINK_CHARACTERS = 500
VALUE_CHARACTERS = 1000
MOST_CHARACTERS = 4 * VALUE_CHARACTERS  # that are looked at
LOGIN = re.compile(r"(?<=//)[^/@]*@")
FINGERPRINT = re.compile(r"[0-9a-f]{16}")
VERSION_FIELDS = ("branch", "buildDate", "buildUser", "goVersion", "revision", "version")
OPEN_SINCE_YEAR = 1  # an `endsAt` in year 1 says that the alert has not ended
FNV_OFFSET, FNV_PRIME, SEPARATOR = 14695981039346656037, 1099511628211, 255


@dataclass(frozen=True)
class ExternalAlert:
    """One alert of another system. Without `starts_at` it began when it was first told."""

    fingerprint: str
    status: Literal["firing", "resolved"]
    name: str
    severity: str | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime | None
    ends_at: datetime | None
    link: str | None


@dataclass(frozen=True)
class ParsedAlerts:
    """The good alerts of a message, and what is wrong with the others: those cost the good ones nothing."""

    good: list[ExternalAlert] = field(default_factory=list)
    problems: list[FieldProblem] = field(default_factory=list)
    bad: int = 0  # of the others only the first few problems are told


def parse_webhook(raw: Any, limits: LimitSettings) -> ParsedAlerts:
    """The alerts of a group message; keys that newer versions add are ignored. Raises `InvalidInput`."""
    if not isinstance(raw, dict) or raw.get("version") != "4":
        raise InvalidInput("The message was refused.", [FieldProblem("version", "version 4 is taken here")])
    return _parse_all(raw.get("alerts"), "alerts", limits, by_status=True, now=None)


def parse_alerts(raw: Any, limits: LimitSettings, now: datetime) -> ParsedAlerts:
    """The alerts of `POST /api/v2/alerts`: one that has ended by now is resolved. Raises `InvalidInput`."""
    return _parse_all(raw, "", limits, by_status=False, now=now)


def _parse_all(sent: Any, place: str, limits: LimitSettings, *, by_status: bool, now: datetime | None) -> ParsedAlerts:
    if not isinstance(sent, list):
        raise InvalidInput("The alerts were refused.", [FieldProblem(place, "a list of alerts is needed")])
    if len(sent) > limits.external_alerts:
        raise BodyTooLarge(f"At most {limits.external_alerts} alerts at once.", messages=len(sent))
    alerts, problems = [], []
    for index, alert in enumerate(sent):
        problem = _problem_of(alert, by_status=by_status)
        if problem is not None:
            problems.append(FieldProblem(f"{place}[{index}].{problem.field}", problem.reason))
        else:
            alerts.append(_make_alert(alert, by_status=by_status, now=now))
    return ParsedAlerts(alerts, problems[:MOST_PROBLEMS], len(problems))


def _problem_of(alert: Any, *, by_status: bool) -> FieldProblem | None:
    if not isinstance(alert, dict):
        return FieldProblem("", "an object is needed")
    labels, annotations = alert.get("labels"), alert.get("annotations")
    if not _is_texts(labels) or not labels:
        return FieldProblem("labels", "an object of texts with at least one is needed")
    if "" in labels:
        return FieldProblem("labels", "a name has at least one character")  # since Prometheus 3, any
    if annotations is not None and not _is_texts(annotations):
        return FieldProblem("annotations", "an object of texts is needed")
    if by_status and alert.get("status") not in ("firing", "resolved"):
        return FieldProblem("status", "firing or resolved")
    for name in ("startsAt", "endsAt"):
        if alert.get(name) is not None and not _is_moment(alert[name]):
            return FieldProblem(name, "an RFC 3339 time is needed")
    if by_status and moment_of(alert.get("startsAt")) is None:
        return FieldProblem("startsAt", "is missing")
    return None


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and len(value) <= MOST_ENTRIES and all(isinstance(v, str) for v in value.values())


def _is_moment(value: Any) -> bool:
    return isinstance(value, str) and moment_of(value) is not None


def _make_alert(alert: Mapping[str, Any], *, by_status: bool, now: datetime | None) -> ExternalAlert:
    labels: Mapping[str, str] = {name: value for name, value in alert["labels"].items() if value}
    ends_at = _ended(alert.get("endsAt"))
    has_ended = ends_at is not None and now is not None and ends_at <= now
    status: Literal["firing", "resolved"] = "resolved" if has_ended else "firing"
    if by_status:
        status = "resolved" if alert["status"] == "resolved" else "firing"
    given = alert.get("fingerprint")
    is_given = isinstance(given, str) and FINGERPRINT.fullmatch(given) is not None
    return ExternalAlert(
        fingerprint=str(given) if is_given else fingerprint_of(labels),
        status=status,
        name=_clean(labels.get("alertname"), NAME_CHARACTERS) or "unnamed",
        severity=_clean(labels.get("severity"), SEVERITY_CHARACTERS),
        labels=_cut(labels),
        annotations=_cut(alert.get("annotations") or {}),
        starts_at=_started(alert.get("startsAt")),
        ends_at=ends_at,
        link=_link_of(alert.get("generatorURL")),
    )


def _started(value: Any) -> datetime | None:
    moment = moment_of(value)
    return None if moment is None or moment.year <= OPEN_SINCE_YEAR else moment


_ended = _started


def _cut(values: Mapping[str, str]) -> dict[str, str]:
    found = {_clean(name, NAME_CHARACTERS): _clean(value, VALUE_CHARACTERS) for name, value in values.items()}
    return {name: value for name, value in found.items() if name is not None and value is not None}


def _clean(value: Any, most: int) -> str | None:
    """Bounded, printable, and without queries, addresses of computers, secrets and personal data."""
    found = text_of(value, MOST_CHARACTERS)  # cleaned before it is cut: half an address is not recognised
    return text_of(clean_free_text(found), most) if found is not None else None


def _link_of(address: Any) -> str | None:
    """Without login, query and fragment; none when it tells more of anybody than that."""
    page = page_of(address, LINK_CHARACTERS)
    link = None if page is None else LOGIN.sub("", page)[:LINK_CHARACTERS]
    return link if link is None or clean_free_text(link) == link else None


def fingerprint_of(labels: Mapping[str, str]) -> str:
    """FNV-1a over the sorted labels, as Prometheus computes it (common/model, LabelSet.Fingerprint)."""
    total = FNV_OFFSET
    for name in sorted(labels):
        for byte in (*name.encode("utf-8"), SEPARATOR, *labels[name].encode("utf-8"), SEPARATOR):
            total = ((total ^ byte) * FNV_PRIME) % 2**64
    return f"{total:016x}"


def status_of(since: datetime) -> dict[str, Any]:
    """What `GET /api/v2/status` says, in the shape that Alertmanager's clients insist on."""
    return {
        "cluster": {"name": "warroom", "status": "disabled", "peers": []},
        "config": {"original": "route:\n  receiver: warroom\nreceivers:\n- name: warroom\n"},
        "uptime": since.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "versionInfo": {**dict.fromkeys(VERSION_FIELDS, ""), "version": "warroom"},
    }
