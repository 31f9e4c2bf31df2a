"""Settings: from config.toml, config.local.toml, the environment and secret files, checked at once.

config.toml holds every default, so the types have none. Precedence, strongest first:
PORT / DATABASE_URL / WARROOM_DATA_DIR, WARROOM_<SECTION>__<KEY> and WARROOM_<LIST>, config.local.toml, config.toml.
Secrets come from the environment (WARROOM_<NAME>) or from files in WARROOM_SECRETS_DIR only.
"""

import copy
import json
import os
import stat
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from shared.config.sections import Settings
from shared.errors import ConfigurationError

PROJECT_DIR = Path(__file__).resolve().parents[2]
SECRET_NAMES = (
    "discord_token",
    "discord_client_secret",
    "x_consumer_key",
    "x_consumer_secret",
    "x_access_token",
    "x_access_token_secret",
    "secret_key",
)
Check = Callable[[Settings], list[str]]  # mistakes, each in a sentence
LISTS = ("sites", "alerts", "events")  # of tables; each comes whole, as JSON
DATABASE_URL_FILE = "database_url"  # a setting that may carry a password, so it may be a secret file too


def load_settings(
    environment: Mapping[str, str] | None = None,
    local_file: Path | None = None,
    checks: Sequence[Check] = (),
    **overrides: Any,
) -> Settings:
    """The settings of this process; raises `ConfigurationError` naming every mistake.

    `local_file` (default: config.local.toml, or the file named by WARROOM_CONFIG_FILE) is optional; `checks` know
    what the types do not; `overrides` are sections given by a test, strongest of all.
    """
    environment = os.environ if environment is None else environment
    problems: list[str] = []
    data = defaults = _read_toml(PROJECT_DIR / "config.toml", problems)
    named = environment.get("WARROOM_CONFIG_FILE")
    local = local_file or (Path(named) if named else PROJECT_DIR / "config.local.toml")
    if local.exists():
        data = _merge(data, _read_toml(local, problems))
    elif named or local_file:
        problems.append(f"WARROOM_CONFIG_FILE: {local} does not exist")
    if "secrets" in data:
        problems.append("secrets: not allowed in a configuration file; use the environment or a secret file")
    if urlsplit(str(_at(data, ["store", "database_url"]) or "")).password:
        problems.append(
            "store.database_url: holds a password; give it as DATABASE_URL or as a secret file database_url"
        )
    data["secrets"] = _read_secrets(environment, problems)
    if url := data["secrets"].pop(DATABASE_URL_FILE, None):
        data = _merge(data, {"store": {"database_url": url}})
    data = _merge(data, _from_environment(environment, data, problems))
    data = _merge(data, overrides)
    if isinstance(folder := _at(data, ["store", "data_dir"]), str):
        data["store"]["data_dir"] = PROJECT_DIR / folder  # the same folder wherever a command is started
    settings, mistakes = _validate_all(data, defaults)
    problems += mistakes
    if settings is not None:
        problems += [problem for check in checks for problem in check(settings)]
    if problems:
        raise ConfigurationError("The configuration has mistakes:\n" + "\n".join(f"  - {line}" for line in problems))
    assert settings is not None  # without a problem there are settings
    return settings


def _validate_all(data: Mapping[str, Any], defaults: Mapping[str, Any]) -> tuple[Settings | None, list[str]]:
    """Every mistake, and the settings as they are without those.

    What contradicts inside a section shows once its single values are right, and what contradicts between sections
    once each of them is; so what is wrong is mended and looked at again.
    """
    problems: list[str] = []
    while True:
        settings, mistakes = _validate(data)
        new = [line for line in map(_explain, mistakes) if line not in problems]
        problems += new
        if settings is not None or not new:
            return settings, problems
        data = _mend(data, defaults, mistakes)


def _validate(data: Mapping[str, Any]) -> tuple[Settings | None, list[Any]]:
    try:
        return Settings.model_validate(data), []
    except ValidationError as error:
        return None, list(error.errors(include_url=False, include_input=False))


def _mend(data: Mapping[str, Any], defaults: Mapping[str, Any], mistakes: list[Any]) -> dict[str, Any]:
    """The data with each wrong value replaced by its default, or left out where it has none."""
    mended = copy.deepcopy(dict(data))
    for mistake in mistakes:
        path = list(mistake["loc"])
        while path and (target := _at(mended, path[:-1])) is None:
            path.pop()
        if not path:
            continue
        default = _at(defaults, path)
        if isinstance(target, dict):
            target.pop(path[-1], None)
            if default is not None:
                target[path[-1]] = copy.deepcopy(default)
        elif isinstance(target, list):
            target.clear()
    return mended


def _at(data: Any, path: list[Any]) -> Any:
    for key in path:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return None
    return data


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
    for name in LISTS:
        if raw := environment.get(f"WARROOM_{name.upper()}"):
            found[name] = _parse_value(raw, [])
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
    for name in (*SECRET_NAMES, DATABASE_URL_FILE):
        if value := environment.get(f"WARROOM_{name.upper()}", "").strip():
            found[name] = value
        elif directory and (path := Path(directory, name)).exists():
            if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) & ~stat.S_IRGRP:
                problems.append(f"secret file {name}: others can read it; make it private with chmod 600")
            else:
                found[name] = path.read_text("utf-8").strip()
    return found
