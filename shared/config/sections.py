"""The types of all settings; config.toml holds their defaults, so the types have none."""

import functools
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from shared.config.event_settings import EventSettings, event_problems
from shared.config.field_types import (
    ClockTime,
    Language,
    LoopbackUrl,
    Positive,
    PositiveFloat,
    Section,
    Snowflake,
    Zone,
    is_loopback_host,
    network_problem,
    origin_problems,
)
from shared.config.privacy_settings import PrivacySettings, RetentionSettings
from shared.config.script_settings import ScriptSettings
from shared.event_catalogue import Catalogue

DEMO_SITE = "demo"
DATABASE_SCHEMES = ("postgresql", "postgres", "postgresql+asyncpg")
PLURAL_FORMS = frozenset({"zero", "one", "two", "few", "many", "other"})
COMMAND_TEXT_LIMITS = {"command_": 100, "menu_": 32}  # what Discord shows of a command, in UTF-16 units
ROLES = ("viewer", "analyst", "operator", "admin")


class ServerSettings(Section):
    host: str
    port: Annotated[int, Field(ge=0, le=65535)]
    public_url: str
    trusted_proxies: list[str]
    body_limit_bytes: Positive
    body_depth: Positive
    body_timeout_seconds: PositiveFloat
    sdk_body_limit_bytes: Positive
    segment_body_limit_bytes: Positive
    posthog_body_limit_bytes: Positive
    max_large_bodies: Positive
    max_requests: Positive
    max_arriving_bodies: Positive
    keepalive_seconds: PositiveFloat
    shutdown_seconds: PositiveFloat
    demo: Literal["auto", "on", "off"]
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = [*filter(None, map(network_problem, self.trusted_proxies)), *origin_problems(self.public_url)]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def proxy_networks(self) -> list[IPv4Network | IPv6Network]:
        return [ip_network(network, strict=False) for network in self.trusted_proxies]


class StoreSettings(Section):
    database_url: SecretStr  # may carry a password
    data_dir: Path
    queue_limit: Positive
    batch_limit: Positive
    pool_size: Positive
    lease_seconds: PositiveFloat
    check_seconds: Annotated[float, Field(ge=0)]

    @field_validator("database_url")
    @classmethod
    def _check_address(cls, url: SecretStr) -> SecretStr:
        """Its value stands in no message: it may hold a password."""
        given = url.get_secret_value()
        if given and urlsplit(given).scheme not in DATABASE_SCHEMES:
            raise ValueError("must begin with postgresql://, or be empty for SQLite in the data folder")
        return url


class SiteSettings(Section):
    key: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
    name: Annotated[str, Field(min_length=1, max_length=80)]
    hosts: list[str]
    zone: Zone = "UTC"
    language: Language = "en"


class LimitSettings(Section):
    track_per_minute: Positive
    track_key_per_minute: Positive
    feedback_per_person_hour: Positive
    feedback_per_visitor_hour: Positive
    feedback_per_address_hour: Positive
    feedback_overall_minute: Positive
    sign_in_tries_per_quarter_hour: Positive
    batch_events: Positive
    sdk_batch_events: Positive
    external_alerts: Positive
    name_characters: Positive
    string_characters: Positive
    property_characters: Positive
    page_characters: Positive
    properties: Positive
    text_characters: Positive
    form_repeat_minutes: Positive
    custom_names: Positive


class SentimentSettings(Section):
    text_characters: Positive
    text_words: Positive
    emoji: Positive


class PromptSettings(Section):
    enabled: bool
    after_days: Positive
    usage_days: Positive
    pause_days: Positive
    seen_within_days: Positive
    lapse_days: Positive
    opt_in_days: Positive
    hour_from: Annotated[int, Field(ge=0, le=23)]
    hour_to: Annotated[int, Field(ge=1, le=24)]
    zone: Zone
    first_seen_within_days: Positive
    dismissals: Positive
    snooze_days: Positive
    late_days: Positive
    dm_opens_per_minute: Positive
    dm_opens_per_day: Positive
    dm_pause_hours: Positive

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.hour_from >= self.hour_to:
            raise ValueError("hour_from must be before hour_to")
        return self


class WarRoomSettings(Section):
    zone: Zone
    daily_at: ClockTime
    weekly_on: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    weekly_at: ClockTime
    negative_compound: Annotated[float, Field(ge=-1, le=0)]
    quotes: Annotated[int, Field(ge=0, le=5)]
    console: bool


class DeliverySettings(Section):
    attempts: Positive
    give_up_hours: PositiveFloat
    retry_seconds: PositiveFloat
    retry_max_seconds: PositiveFloat
    channel_pace_seconds: Annotated[float, Field(ge=0)]
    send_timeout_seconds: PositiveFloat


class CommunitySettings(Section):
    guild: Annotated[int, Field(ge=1, lt=2**63)]
    site: str
    feedback_channel: Snowflake = 0


class DiscordSettings(Section):
    war_room_guild: Snowflake
    war_room_channel: Snowflake
    client_id: str
    viewer_roles: list[Snowflake]
    analyst_roles: list[Snowflake]
    operator_roles: list[Snowflake]
    admin_roles: list[Snowflake]
    api_base: LoopbackUrl
    gateway_url: LoopbackUrl
    identifies_per_minute: Positive
    communities: list[CommunitySettings] = Field(default_factory=list)

    def community(self, guild: int) -> CommunitySettings | None:
        return next((known for known in self.communities if known.guild == guild), None)


class XPrices(Section):
    owned_read: Annotated[float, Field(ge=0)]
    dm_event_read: Annotated[float, Field(ge=0)]
    summoned_reply: Annotated[float, Field(ge=0)]
    dm_send: Annotated[float, Field(ge=0)]
    user_read: Annotated[float, Field(ge=0)]


class XSettings(Section):
    enabled: bool
    site: str
    poll_mentions_seconds: PositiveFloat
    poll_messages_seconds: PositiveFloat
    daily_budget_usd: Annotated[float, Field(ge=0)]
    api_base: LoopbackUrl
    privacy_url: str
    stop_words: list[str]
    start_words: list[str]
    prices: XPrices


class DashboardSettings(Section):
    link_minutes: Positive
    session_idle_minutes: Positive
    session_hours: Positive


class AlertRuleSettings(Section):
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]
    kpi: str
    compare: Literal["below", "above", "drop", "rise"]
    threshold: float
    window_hours: Annotated[int, Field(ge=1, le=24 * 28)]
    minimum_count: Annotated[int, Field(ge=0)]
    severity: Literal["P1", "P2", "P3"]
    hold_minutes: Annotated[int, Field(ge=0)]
    cooldown_minutes: Annotated[int, Field(ge=0)]


class Secrets(Section):
    discord_token: SecretStr | None = None
    discord_client_secret: SecretStr | None = None
    x_consumer_key: SecretStr | None = None
    x_consumer_secret: SecretStr | None = None
    x_access_token: SecretStr | None = None
    x_access_token_secret: SecretStr | None = None
    secret_key: SecretStr | None = None

    def has_x(self) -> bool:
        return all((self.x_consumer_key, self.x_consumer_secret, self.x_access_token, self.x_access_token_secret))


def _text_problems(tables: dict[str, dict[str, str | dict[str, str]]]) -> list[str]:
    """A text that nobody will say, or that could not be said for some number."""
    problems, known = [], tables.get("en", {})
    for language, table in tables.items():
        for key, text in table.items():
            if key not in known:
                problems.append(f"texts.{language}.{key}: there is no such text")
            if isinstance(text, dict) and ("other" not in text or not text.keys() <= PLURAL_FORMS):
                problems.append(f"texts.{language}.{key}: forms are {', '.join(sorted(PLURAL_FORMS))}; other is needed")
            problems += _command_text_problems(f"texts.{language}.{key}", key, text)
    return problems


def _command_text_problems(name: str, key: str, text: str | dict[str, str]) -> list[str]:
    """One text that does not fit would keep Discord from taking any command."""
    for prefix, most in COMMAND_TEXT_LIMITS.items():
        fits = isinstance(text, str) and text.strip() and len(text.encode("utf-16-le")) <= 2 * most
        if key.startswith(prefix) and not fits:
            return [f"{name}: a text without forms, of 1 to {most} characters"]
    return []


class Settings(Section):
    """All settings of one process; never logged as a whole."""

    server: ServerSettings
    script: ScriptSettings
    store: StoreSettings
    sites: list[SiteSettings] = Field(default_factory=list)
    limits: LimitSettings
    sentiment: SentimentSettings
    prompts: PromptSettings
    war_room: WarRoomSettings
    delivery: DeliverySettings
    discord: DiscordSettings
    x: XSettings
    dashboard: DashboardSettings
    privacy: PrivacySettings
    retention: RetentionSettings
    alerts: list[AlertRuleSettings] = Field(default_factory=list)
    events: list[EventSettings] = Field(default_factory=list)
    texts: dict[Language, dict[str, str | dict[str, str]]]
    secrets: Secrets

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = []
        keys = [site.key for site in self.sites]
        if len(set(keys)) != len(keys):
            problems.append("sites: two sites have the same key")
        if DEMO_SITE in keys:
            problems.append(f"sites: the key {DEMO_SITE!r} is taken by the demo")
        guilds = [community.guild for community in self.discord.communities]
        if len(set(guilds)) != len(guilds):
            problems.append("discord.communities: two communities have the same guild")
        for community in self.discord.communities:
            if community.site not in keys:
                problems.append(f"discord.communities: {community.site!r} is not the key of a site")
        if self.x.site and self.x.site not in keys:
            problems.append(f"x.site: {self.x.site!r} is not the key of a site")
        names = [rule.name for rule in self.alerts]
        if len(set(names)) != len(names):
            problems.append("alerts: two rules have the same name")
        problems += event_problems(self.events)
        if bool(self.discord.war_room_guild) != bool(self.discord.war_room_channel):
            problems.append("discord: war_room_guild and war_room_channel belong together")
        if not self.server.public_url and not is_loopback_host(self.server.host):
            problems.append(
                "server.public_url: needed because the server listens beyond loopback; "
                "set it to the https address that browsers use"
            )
        problems += _text_problems(self.texts)
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def base_url(self) -> str:
        """The origin of every link, without a trailing slash."""
        if self.server.public_url:
            return self.server.public_url.rstrip("/")
        host = f"[{self.server.host}]" if ":" in self.server.host else self.server.host
        return f"http://{host}:{self.server.port}"

    @property
    def uses_sqlite(self) -> bool:
        return not self.store.database_url.get_secret_value()

    @property
    def demo_is_on(self) -> bool:
        if self.server.demo == "auto":
            return not self.sites and is_loopback_host(self.server.host)
        return self.server.demo == "on"

    @property
    def war_room_on_discord(self) -> bool:
        """Whether War Room posts go to a Discord channel."""
        return bool(self.discord.war_room_channel and self.secrets.discord_token)

    @functools.cached_property
    def event_catalogue(self) -> Catalogue:
        """The built-in events and the team's own."""
        return Catalogue(event.definition() for event in self.events)

    @functools.cached_property
    def _sites_by_key(self) -> dict[str, SiteSettings]:
        demo = [SiteSettings(key=DEMO_SITE, name="Lantern Docs (demo)", hosts=[], zone=self.war_room.zone)]
        return {site.key: site for site in (*self.sites, *(demo if self.demo_is_on else []))}

    def all_sites(self) -> list[SiteSettings]:
        """The configured sites, and the demo while it is on."""
        return list(self._sites_by_key.values())

    def site(self, key: str) -> SiteSettings | None:
        return self._sites_by_key.get(key)

    @functools.cached_property
    def _sites_by_host(self) -> dict[str, SiteSettings]:
        """With and without the port, without `www.`; of a host that two sites name the first one counts."""
        found: dict[str, SiteSettings] = {}
        for site in self.sites:
            for host in site.hosts:
                name = host.lower().removeprefix("www.")
                found.setdefault(name, site)
                found.setdefault(name.partition(":")[0], site)
        return found

    def site_of_host(self, host: str) -> SiteSettings | None:
        """The site that a host name belongs to, as browsers and foreign scripts name it."""
        return self._sites_by_host.get(host.lower().removeprefix("www."))


def zone_of(name: str | None, fallback: str) -> ZoneInfo:
    """The time zone of a person, or the fallback when it is unknown or nonsense."""
    try:
        return ZoneInfo(name or fallback)
    except (ValueError, LookupError, OSError):  # asked often: the list of all zones would be read from disk each time
        return ZoneInfo(fallback)
