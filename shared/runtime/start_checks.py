"""What must be true before anything starts; each refusal is one sentence."""

import os
from urllib.parse import urlsplit

from shared.clock import shift_file
from shared.config import Settings, is_loopback_host
from shared.decide.alerts import unknown_kpis
from shared.errors import StartRefused

CONFIGURATION_EXIT = 78  # EX_CONFIG
UNAVAILABLE_EXIT = 69  # EX_UNAVAILABLE
SETTINGS_CHECKS = (unknown_kpis,)  # beside the types: a rule about a metric that does not exist would never fire


def check_deployment(settings: Settings) -> None:
    """Refuses a deployed start whose data would be lost with the machine."""
    if settings.uses_sqlite and not os.environ.get("WARROOM_DATA_DIR"):
        raise StartRefused(
            "Set DATABASE_URL to a PostgreSQL address, or WARROOM_DATA_DIR to a folder on a persistent disk: "
            "without either, everything would be lost at the next deployment."
        )


def check_test_clock(settings: Settings) -> None:
    """A shifted clock is for tests on this machine only."""
    if shift_file() is None:
        return
    hosts = [settings.server.host, *(_host(url) for url in _addresses(settings))]
    strangers = [host for host in hosts if not is_loopback_host(host)]
    reaches_out = bool(
        (settings.secrets.discord_token and not settings.discord.api_base)
        or (settings.x.enabled and not settings.x.api_base)
    )
    if strangers or reaches_out:
        raise StartRefused("WARROOM_TEST_CLOCK_FILE is set: that is only allowed while every address is loopback.")


def _addresses(settings: Settings) -> list[str]:
    database = settings.store.database_url.get_secret_value()
    urls = [settings.server.public_url, settings.discord.api_base, settings.discord.gateway_url, settings.x.api_base]
    return [url for url in (*urls, database) if url]


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
