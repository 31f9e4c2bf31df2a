"""Settings: from config.toml, config.local.toml, the environment and secret files, checked at once.

config.toml holds every default, so the types below have none. Precedence, strongest first:
PORT / DATABASE_URL / WARROOM_DATA_DIR, WARROOM_<SECTION>__<KEY>, config.local.toml, config.toml.
Secrets come from the environment (WARROOM_<NAME>) or from files in WARROOM_SECRETS_DIR only.
"""

import json
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from datetime import time
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from shared.errors import ConfigurationError

PROJECT_DIR = Path(__file__).resolve().parent.parent
DEMO_SITE = "demo"
ROLES = ("viewer", "analyst", "operator", "admin")
SECRET_NAMES = (
    "discord_token",
    "discord_client_secret",
    "x_consumer_key",
    "x_consumer_secret",
    "x_access_token",
    "x_access_token_secret",
    "secret_key",
)


def _check_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is not an IANA time zone such as Europe/Berlin")
    return name


def _check_loopback_or_empty(url: str) -> str:
    if url and not is_loopback_host(urlsplit(url).hostname or ""):
        raise ValueError("only a loopback address is allowed here")
    return url


def _parse_time(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        return time.fromisoformat(value)
    if isinstance(value, time):
        return value
    raise ValueError("must be a time such as 09:00")


def is_loopback_host(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


Zone = Annotated[str, AfterValidator(_check_zone)]
LoopbackUrl = Annotated[str, AfterValidator(_check_loopback_or_empty)]
ClockTime = Annotated[time, BeforeValidator(_parse_time)]
Positive = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0)]
Snowflake = Annotated[int, Field(ge=0, lt=2**63)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$")]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(Section):
    host: str
    port: Annotated[int, Field(ge=0, le=65535)]
    public_url: str
    trusted_proxies: list[str]
    body_limit_bytes: Positive
    body_depth: Positive
    body_timeout_seconds: PositiveFloat
    max_requests: Positive
    keepalive_seconds: PositiveFloat
    shutdown_seconds: PositiveFloat
    demo: Literal["auto", "on", "off"]
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]

    @model_validator(mode="after")
    def _check(self) -> Self:
        for network in self.trusted_proxies:
            ip_network(network, strict=False)
        if self.public_url:
            parts = urlsplit(self.public_url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("public_url must be an http(s) address")
            if parts.scheme == "http" and not is_loopback_host(parts.hostname):
                raise ValueError("public_url must be https unless it is a loopback address")
            if parts.path not in ("", "/") or parts.query or parts.fragment:
                raise ValueError("public_url must be an origin without a path")
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
    name_characters: Positive
    string_characters: Positive
    page_characters: Positive
    properties: Positive
    text_characters: Positive
    form_repeat_minutes: Positive


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
    communities: list[CommunitySettings] = []

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


class Settings(Section):
    """All settings of one process; never logged as a whole."""

    server: ServerSettings
    store: StoreSettings
    sites: list[SiteSettings] = []
    limits: LimitSettings
    sentiment: SentimentSettings
    prompts: PromptSettings
    war_room: WarRoomSettings
    delivery: DeliverySettings
    discord: DiscordSettings
    x: XSettings
    dashboard: DashboardSettings
    alerts: list[AlertRuleSettings] = []
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
        for community in self.discord.communities:
            if community.site not in keys:
                problems.append(f"discord.communities: {community.site!r} is not the key of a site")
        if self.x.site and self.x.site not in keys:
            problems.append(f"x.site: {self.x.site!r} is not the key of a site")
        names = [rule.name for rule in self.alerts]
        if len(set(names)) != len(names):
            problems.append("alerts: two rules have the same name")
        if bool(self.discord.war_room_guild) != bool(self.discord.war_room_channel):
            problems.append("discord: war_room_guild and war_room_channel belong together")
        if not self.server.public_url and not is_loopback_host(self.server.host):
            problems.append(
                "server.public_url: needed because the server listens beyond loopback; "
                "set it to the https address that browsers use"
            )
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

    def all_sites(self) -> list[SiteSettings]:
        """The configured sites, and the demo while it is on."""
        demo = [SiteSettings(key=DEMO_SITE, name="Lantern Docs (demo)", hosts=[], zone=self.war_room.zone)]
        return [*self.sites, *(demo if self.demo_is_on else [])]

    def site(self, key: str) -> SiteSettings | None:
        return next((site for site in self.all_sites() if site.key == key), None)


def load_settings(
    environment: Mapping[str, str] | None = None, local_file: Path | None = None, **overrides: Any
) -> Settings:
    """The settings of this process; raises `ConfigurationError` naming every mistake.

    `local_file` (default: config.local.toml, or the file named by WARROOM_CONFIG_FILE) is optional;
    `overrides` are sections given by a test, strongest of all.
    """
    environment = os.environ if environment is None else environment
    problems: list[str] = []
    data = _read_toml(PROJECT_DIR / "config.toml", problems)
    named = environment.get("WARROOM_CONFIG_FILE")
    local = local_file or (Path(named) if named else PROJECT_DIR / "config.local.toml")
    if local.exists():
        data = _merge(data, _read_toml(local, problems))
    elif named or local_file:
        problems.append(f"WARROOM_CONFIG_FILE: {local} does not exist")
    if "secrets" in data:
        problems.append("secrets: not allowed in a configuration file; use the environment or a secret file")
    data["secrets"] = _read_secrets(environment, problems)
    data = _merge(data, _from_environment(environment, data, problems))
    data = _merge(data, overrides)
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        problems += [_explain(problem) for problem in error.errors(include_url=False, include_input=False)]
    if problems:
        raise ConfigurationError("The configuration has mistakes:\n" + "\n".join(f"  - {line}" for line in problems))
    return settings


def _explain(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"]) or "settings"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "there is no such setting"
    return f"{where}: {message}" if problem["loc"] else message


def _read_toml(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(f"{path.name}: {error}")
        return {}


def _merge(base: dict[str, Any], stronger: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in stronger.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def _from_environment(environment: Mapping[str, str], known: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, raw in environment.items():
        if not name.startswith("WARROOM_") or "__" not in name:
            continue
        path = name.removeprefix("WARROOM_").lower().split("__")
        if path[0] == "secrets":
            problems.append(f"{name}: write a secret as WARROOM_{path[-1].upper()}")
            continue
        _set(found, path, _parse_value(raw, _current(known, path)))
    if port := environment.get("PORT"):
        _set(found, ["server", "port"], port)
        if "host" not in found.get("server", {}):
            _set(found, ["server", "host"], "0.0.0.0")  # noqa: S104  # a platform that sets PORT routes to it
    if url := environment.get("DATABASE_URL"):
        _set(found, ["store", "database_url"], url)
    if directory := environment.get("WARROOM_DATA_DIR"):
        _set(found, ["store", "data_dir"], directory)
    return found


def _current(known: Any, path: list[str]) -> Any:
    for key in path:
        known = known.get(key) if isinstance(known, Mapping) else None
    return known


def _parse_value(raw: str, current: Any) -> Any:
    """Lists and tables are JSON; everything else is left to the type of the setting."""
    if isinstance(current, (list, dict)) or raw[:1] in ("[", "{"):
        try:
            return json.loads(raw)
        except ValueError:
            return raw
    return raw


def _set(target: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        target = target.setdefault(key, {})
    target[path[-1]] = value


def _read_secrets(environment: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    found = {}
    directory = environment.get("WARROOM_SECRETS_DIR")
    if directory and not Path(directory).is_dir():
        problems.append(f"WARROOM_SECRETS_DIR: {directory} is not a folder")
        directory = None
    for name in SECRET_NAMES:
        if value := environment.get(f"WARROOM_{name.upper()}", "").strip():
            found[name] = value
        elif directory and (path := Path(directory, name)).exists():
            if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) & ~stat.S_IRGRP:
                problems.append(f"secret file {name}: others can read it; make it private with chmod 600")
            else:
                found[name] = path.read_text("utf-8").strip()
    return found


def zone_of(name: str | None, fallback: str) -> ZoneInfo:
    """The time zone of a person, or the fallback when it is unknown or nonsense."""
    return ZoneInfo(name) if name and name in available_timezones() else ZoneInfo(fallback)
