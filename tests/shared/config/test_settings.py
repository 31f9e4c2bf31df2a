"""Settings: where they come from, which wins, and that every mistake is named at once."""

from pathlib import Path

import pytest

from shared.config import Settings, load_settings
from shared.errors import ConfigurationError


def read(tmp_path: Path, toml: str = "", **environment: str) -> Settings:
    local = tmp_path / "config.local.toml"
    local.write_text(toml)
    return load_settings(environment, local)


def mistakes(tmp_path: Path, toml: str = "", **environment: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, toml, **environment)
    return str(caught.value)


def test_defaults_come_from_the_shipped_file(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert settings.prompts.after_days == 7
    assert settings.base_url == "http://127.0.0.1:8080"
    assert settings.uses_sqlite


def test_own_file_beats_defaults_and_environment_beats_both(tmp_path: Path) -> None:
    toml = "[prompts]\npause_days = 60\nafter_days = 8\n"
    settings = read(tmp_path, toml, WARROOM_PROMPTS__AFTER_DAYS="9")
    assert (settings.prompts.pause_days, settings.prompts.after_days) == (60, 9)


def test_lists_in_the_environment_are_json(tmp_path: Path) -> None:
    settings = read(tmp_path, WARROOM_SERVER__TRUSTED_PROXIES='["10.0.0.0/8"]')
    assert [str(network) for network in settings.server.proxy_networks] == ["10.0.0.0/8"]


def test_sites_and_rules_may_come_from_the_environment_as_whole_lists(tmp_path: Path) -> None:
    sites = '[{"key": "docs", "name": "Docs", "hosts": ["docs.example.com"]}]'
    communities = '[{"guild": 5, "site": "docs"}]'
    settings = read(tmp_path, WARROOM_SITES=sites, WARROOM_ALERTS="[]", WARROOM_DISCORD__COMMUNITIES=communities)
    assert [site.key for site in settings.sites] == ["docs"]
    assert (settings.alerts, settings.discord.communities[0].site) == ([], "docs")
    assert "sites" in mistakes(tmp_path, WARROOM_SITES="docs")


def test_port_of_the_platform_means_all_addresses(tmp_path: Path) -> None:
    settings = read(tmp_path, "[server]\npublic_url = 'https://w.example'\n", PORT="5000")
    assert (settings.server.host, settings.server.port) == ("0.0.0.0", 5000)
    assert settings.base_url == "https://w.example"


def test_database_url_and_data_dir_are_honoured(tmp_path: Path) -> None:
    settings = read(tmp_path, DATABASE_URL="postgresql://u:hunter2@h/d", WARROOM_DATA_DIR="/elsewhere")
    assert not settings.uses_sqlite
    assert settings.store.data_dir == Path("/elsewhere")
    assert "hunter2" not in repr(settings)


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    toml = "[server]\nport = 99999\n[prompts]\nzone = 'Mars'\nnonsense = 1\n[war_room]\ndaily_at = '25:00'\n"
    text = mistakes(tmp_path, toml)
    for name in ("server.port", "prompts.zone", "prompts.nonsense", "war_room.daily_at"):
        assert name in text


def test_mistakes_across_sections_are_named_with_those_inside(tmp_path: Path) -> None:
    toml = "[server]\nport = 99999\n[x]\nsite = 'unknown'\n[discord]\nwar_room_guild = 5\n"
    text = mistakes(tmp_path, toml)
    for name in ("server.port", "x.site", "war_room_channel"):
        assert name in text


def test_mistakes_of_all_depths_are_named_at_once(tmp_path: Path) -> None:
    """Of a value, inside a section, and between sections."""
    toml = """
        [server]
        port = 99999
        trusted_proxies = ["nonsense", "10.0.0.0/8"]
        public_url = "http://warroom.example/path"
        [prompts]
        hour_from = 20
        hour_to = 9
        [x]
        site = "unknown"
        [[discord.communities]]
        guild = 1
        site = "nowhere"
        [[discord.communities]]
        guild = 1
        site = "nowhere"
    """
    text = mistakes(tmp_path, toml)
    for words in ("server.port", "nonsense", "https", "without a path", "hour_from", "x.site", "nowhere", "same guild"):
        assert words in text, words


@pytest.mark.parametrize("url", ["mysql://root:hunter2@h/d", "hunter2@h/d"])
def test_a_database_of_another_kind_is_refused_by_name(tmp_path: Path, url: str) -> None:
    text = mistakes(tmp_path, DATABASE_URL=url)
    assert "store.database_url: must begin with postgresql://" in text
    assert "hunter2" not in text


def test_what_only_other_modules_know_is_named_with_the_rest(tmp_path: Path) -> None:
    local = tmp_path / "config.local.toml"
    local.write_text("[server]\nport = 99999\n")
    with pytest.raises(ConfigurationError) as caught:
        load_settings({}, local, checks=[lambda settings: [f"after_days: {settings.prompts.after_days} is odd"]])
    assert "server.port" in str(caught.value)
    assert "after_days: 7 is odd" in str(caught.value)


def test_texts_that_could_not_be_said_are_named(tmp_path: Path) -> None:
    toml = "[texts.de]\nthanx = 'Danke'\nlimited = { one = 'eine Minute', more = 'viele' }\nthanks = 'Danke'\n"
    text = mistakes(tmp_path, toml)
    assert "texts.de.thanx" in text
    assert "texts.de.limited" in text
    assert "texts.de.thanks" not in text


def test_texts_that_do_not_fit_into_a_command_are_named(tmp_path: Path) -> None:
    command = f"command_privacy = '{'x' * 101}'\ncommand_feedback = ''\ncommand_privacy_erase = '{'x' * 100}'\n"
    menu = f"menu_save_message = {{ other = '{'x' * 9}' }}\n"
    text = mistakes(tmp_path, f"[texts.de]\n{command}{menu}")
    for name in ("command_privacy: ", "command_feedback: ", "menu_save_message: "):
        assert f"texts.de.{name}" in text
    assert "command_privacy_erase" not in text


def test_secrets_in_a_file_are_refused(tmp_path: Path) -> None:
    assert "secrets" in mistakes(tmp_path, "[secrets]\ndiscord_token = 'x'\n")


def test_the_password_of_the_database_stands_in_no_file_but_a_secret_one(tmp_path: Path) -> None:
    url = "postgresql://ada:sesame@db.example/warroom"
    text = mistakes(tmp_path, f"[store]\ndatabase_url = '{url}'\n")
    assert "DATABASE_URL" in text
    assert "sesame" not in text
    secret = tmp_path / "secrets" / "database_url"
    secret.parent.mkdir()
    secret.write_text(url + "\n")
    secret.chmod(0o600)
    settings = read(tmp_path, WARROOM_SECRETS_DIR=str(secret.parent))
    assert settings.store.database_url.get_secret_value() == url
    settings = read(tmp_path, WARROOM_SECRETS_DIR=str(secret.parent), DATABASE_URL="postgresql://other/b")
    assert settings.store.database_url.get_secret_value() == "postgresql://other/b"


def test_secret_files_must_be_private(tmp_path: Path) -> None:
    secret = tmp_path / "secrets" / "discord_token"
    secret.parent.mkdir()
    secret.write_text("token\n")
    secret.chmod(0o644)
    assert "discord_token" in mistakes(tmp_path, WARROOM_SECRETS_DIR=str(secret.parent))
    secret.chmod(0o600)
    settings = read(tmp_path, WARROOM_SECRETS_DIR=str(secret.parent))
    assert settings.secrets.discord_token is not None
    assert settings.secrets.discord_token.get_secret_value() == "token"


def test_plain_http_beyond_loopback_is_refused(tmp_path: Path) -> None:
    assert "https" in mistakes(tmp_path, "[server]\npublic_url = 'http://w.example'\n")
    assert "public_url" in mistakes(tmp_path, "[server]\nhost = '0.0.0.0'\n")


def test_a_demo_exists_only_while_no_site_is_configured(tmp_path: Path) -> None:
    assert [site.key for site in read(tmp_path).all_sites()] == ["demo"]
    own = "[[sites]]\nkey = 'docs'\nname = 'Docs'\nhosts = []\n"
    assert [site.key for site in read(tmp_path, own).all_sites()] == ["docs"]
