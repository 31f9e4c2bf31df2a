"""Settings of one process: their types, and how they are read and checked."""

from shared.config.event_settings import EventPropertySettings, EventSettings
from shared.config.field_types import Section, is_loopback_host
from shared.config.privacy_settings import PrivacySettings, RetentionSettings
from shared.config.reading import LISTS, PROJECT_DIR, SECRET_NAMES, load_settings
from shared.config.script_settings import ScriptSettings
from shared.config.sections import (
    DEMO_SITE,
    ROLES,
    AlertRuleSettings,
    CommunitySettings,
    DashboardSettings,
    DeliverySettings,
    DiscordSettings,
    LimitSettings,
    PromptSettings,
    Secrets,
    SentimentSettings,
    ServerSettings,
    Settings,
    SiteSettings,
    StoreSettings,
    WarRoomSettings,
    XPrices,
    XSettings,
    zone_of,
)

__all__ = [
    "DEMO_SITE",
    "LISTS",
    "PROJECT_DIR",
    "ROLES",
    "SECRET_NAMES",
    "AlertRuleSettings",
    "CommunitySettings",
    "DashboardSettings",
    "DeliverySettings",
    "DiscordSettings",
    "EventPropertySettings",
    "EventSettings",
    "LimitSettings",
    "PrivacySettings",
    "PromptSettings",
    "RetentionSettings",
    "ScriptSettings",
    "Secrets",
    "Section",
    "SentimentSettings",
    "ServerSettings",
    "Settings",
    "SiteSettings",
    "StoreSettings",
    "WarRoomSettings",
    "XPrices",
    "XSettings",
    "is_loopback_host",
    "load_settings",
    "zone_of",
]
