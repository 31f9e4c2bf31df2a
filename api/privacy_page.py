"""What the privacy page says to the visitors of one site: put together from the settings in use, nothing by hand."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.config import Settings, SiteSettings
from shared.guard.privacy import SALT_HOURS
from shared.texts import Texts

RULES = ("once", "pause", "hours", "lapse", "snooze")
KEPT = {
    "event": "event_days",
    "view": "page_view_days",
    "visit": "visitor_day_days",
    "feedback": "feedback_days",
    "person": "person_days",
    "usage": "usage_day_days",
    "message": "outbox_days",
    "record": "audit_days",
    "counter": "rollup_days",
}
Say = Callable[..., str]


@dataclass(frozen=True)
class Section:
    """A heading with paragraphs and, below them, a list."""

    title: str
    paragraphs: list[str]
    items: list[str]


def privacy_sections(settings: Settings, texts: Texts, language: str, site: SiteSettings) -> list[Section]:
    """All sections but the form, in the order of the page."""

    def say(key: str, count: int | None = None, **values: object) -> str:
        return texts.say(language, f"privacy_{key}", count, **values)

    own = [say("own_event", name=event.name, meaning=event.meaning) for event in settings.events]
    reading = [say("reading", hours=SALT_HOURS), say("signal"), say("servers"), *([say("own_events")] if own else [])]
    sections = [
        Section(say("reading_title"), reading, own),
        Section(say("writing_title"), [say("writing")], []),
        Section(say("remember_title"), [say("remember_never"), say("remember")], []),
    ]
    if platforms := platforms_of(settings, site):
        sections.append(Section(say("platforms_title"), [say("platforms", platforms=" · ".join(platforms))], []))
    sections.append(Section(say("rules_title"), [], _asking_rules(settings, say)))
    sections.append(Section(say("keeping_title"), [say("keeping")], _keeping_rules(settings, say)))
    sections.append(Section(say("rights_title"), _rights(settings, say, platforms), []))
    return sections


def platforms_of(settings: Settings, site: SiteSettings) -> list[str]:
    """Where people of this site may meet our bot or account."""
    found = []
    if settings.secrets.discord_token and any(known.site == site.key for known in settings.discord.communities):
        found.append("Discord")
    x_site = settings.x.site or (settings.sites[0].key if settings.sites else "")
    if settings.x.enabled and x_site == site.key:
        found.append("X")
    return found


def _asking_rules(settings: Settings, say: Say) -> list[str]:
    rules = settings.prompts
    if not rules.enabled:
        return [say("rule_nobody")]
    values: dict[str, object] = {
        "after": rules.after_days,
        "opt_in": rules.opt_in_days,
        "pause": rules.pause_days,
        "from": rules.hour_from,
        "to": rules.hour_to,
        "lapse": rules.lapse_days,
        "snooze": rules.snooze_days,
        "dismissals": rules.dismissals,
    }
    return [say(f"rule_{rule}", **values) for rule in RULES]


def _keeping_rules(settings: Settings, say: Say) -> list[str]:
    lines = []
    for kind, setting in KEPT.items():
        days: int = getattr(settings.retention, setting)
        how_long = say("days", days) if days else say("for_ever")
        lines.append(say(f"keep_{kind}", how_long=how_long))
    return lines


def _rights(settings: Settings, say: Say, platforms: list[str]) -> list[str]:
    lines = [say("rights")]
    if "Discord" in platforms:
        lines.append(say("rights_discord"))
    contact = settings.privacy.contact
    lines.append(say("rights_contact", contact=contact) if contact else say("rights_owner"))
    return [*lines, say("rights_after")]
