"""Starting and stopping the real process: quick, refused in one sentence, and clean at the end."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.clock import ManualClock
from shared.config import PROJECT_DIR, Settings
from shared.config.sections import Secrets
from shared.errors import StartRefused
from shared.runtime import build_runtime
from shared.runtime.control_socket import serve_commands
from shared.runtime.operator_commands import OperatorContext
from shared.runtime.start_checks import check_deployment
from shared.store.database import DATABASE_FILE, KEY_FILE, Store, instance_key, own_data_dir
from shared.store.instance_key import load_instance_key
from tests.conftest import make_settings
from tests.postgres_server import PostgresServer
from tests.scenarios.warroom_process import WarroomProcess, running_warroom


def launch(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A start that is expected to be refused."""
    plain = {"PATH": os.environ["PATH"], "HOME": str(folder), **environment}
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        cwd=PROJECT_DIR,
        env=plain,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )


def refusal(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    return result.stderr.strip()


async def test_sigterm_ends_with_zero_and_a_second_start_is_refused(tmp_path: Path) -> None:
    async with running_warroom(tmp_path) as warroom:
        second = launch(tmp_path, **warroom.environment)
        assert refusal(second).endswith("stop it first.")
        assert await warroom.stop() == 0
        assert not (warroom.settings.store.data_dir / "warroom.sock").exists()


@pytest.mark.slow
async def test_a_request_in_flight_is_answered_at_the_stop(tmp_path: Path) -> None:
    async with running_warroom(tmp_path) as warroom:
        assert await warroom.track({"id": "in-flight-1", "name": "page_view", "page": "/"}) == 202
        assert warroom._process is not None
        warroom._process.send_signal(signal.SIGINT)
        assert await warroom.stop() == 0


@pytest.mark.slow
def test_a_deployed_start_needs_a_place_that_keeps_data(tmp_path: Path) -> None:
    sentence = refusal(launch(tmp_path, "--deployed"))
    assert "DATABASE_URL" in sentence
    assert "WARROOM_DATA_DIR" in sentence
    assert "\n" not in sentence


@pytest.mark.slow
def test_wrong_settings_are_named_before_anything_starts(tmp_path: Path) -> None:
    result = launch(
        tmp_path, WARROOM_PROMPTS__ZONE="Mars", WARROOM_SERVER__PORT="x", WARROOM_DATA_DIR=str(tmp_path / "d")
    )
    assert result.returncode == 78
    assert "prompts.zone" in refusal(result)
    assert "server.port" in result.stderr
    assert not (tmp_path / "d").exists()


@pytest.mark.slow
def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = launch(tmp_path, WARROOM_DATA_DIR=str(tmp_path / "d"), WARROOM_SERVER__PORT=port)
    assert port in refusal(result).splitlines()[-1]


@pytest.mark.slow
def test_a_shifted_clock_is_refused_beyond_loopback(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    result = launch(
        tmp_path,
        WARROOM_TEST_CLOCK_FILE=str(clock),
        WARROOM_DATA_DIR=str(tmp_path / "d"),
        WARROOM_SERVER__PUBLIC_URL="https://warroom.example",
    )
    assert "WARROOM_TEST_CLOCK_FILE" in refusal(result)


@pytest.mark.slow
@pytest.mark.parametrize("secret", ["a-canary-token-that-must-not-appear.abcdef.ghijklmnopqrstuvwxyz0123456"])
async def test_a_refused_discord_token_stops_nothing_and_is_not_logged(tmp_path: Path, secret: str) -> None:
    config = {"discord": {"api_base": "http://127.0.0.1:9/api/v10", "gateway_url": "ws://127.0.0.1:9/"}}
    async with running_warroom(tmp_path, "", config, {"WARROOM_DISCORD_TOKEN": secret}) as warroom:
        assert await warroom.track({"id": "no-network-1", "name": "page_view", "page": "/"}) == 202
        assert isinstance(warroom, WarroomProcess)
        assert secret not in warroom.log()


async def refused_start(folder: Path, clock: ManualClock, database_url: str = "") -> str:
    with pytest.raises(StartRefused) as refused:
        async with build_runtime(make_settings(folder, database_url), clock):
            pass
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("folder", ["file", "file/below"])
def test_a_data_folder_that_is_a_file_is_one_sentence(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartRefused, match=r"cannot be used .* check store\.data_dir"):
        own_data_dir(tmp_path / folder)


async def test_a_database_file_that_is_none_is_one_sentence(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / DATABASE_FILE).write_text("this is a letter, not a database. " * 200)
    assert "is damaged" in await refused_start(tmp_path, clock)


async def test_an_unreachable_database_is_named_without_its_password(tmp_path: Path, clock: ManualClock) -> None:
    sentence = await refused_start(tmp_path, clock, "postgresql://ada:canary@127.0.0.1:9/warroom")
    assert sentence == "The database cannot be reached (ConnectionRefusedError); check DATABASE_URL."


@pytest.mark.slow
async def test_a_missing_database_is_one_sentence(
    tmp_path: Path, clock: ManualClock, postgres_server: PostgresServer
) -> None:
    sentence = await refused_start(tmp_path, clock, postgres_server.dsn("not_there"))
    assert sentence == "The database cannot be reached (InvalidCatalogNameError); check DATABASE_URL."


async def test_a_folder_too_long_for_a_socket_is_one_sentence(tmp_path: Path, clock: ManualClock) -> None:
    folder = tmp_path / ("a" * 120)
    async with build_runtime(make_settings(folder), clock) as runtime:
        with pytest.raises(StartRefused, match=r"store\.data_dir"):
            async with serve_commands(folder / "warroom.sock", OperatorContext(runtime)):
                pass


def test_a_deployed_start_on_postgresql_needs_nothing_else(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, "postgresql://ada@127.0.0.1:9/warroom")
    check_deployment(settings.model_copy(update={"secrets": Secrets()}))


async def test_all_processes_of_a_database_have_one_key(settings: Settings, store: Store, clock: ManualClock) -> None:
    unkeyed = settings.model_copy(update={"secrets": Secrets()})
    first = await load_instance_key(unkeyed, store, clock.now())
    assert len(first) == 32
    assert await load_instance_key(unkeyed, store, clock.now()) == first
    assert await load_instance_key(settings, store, clock.now()) == bytes(32)


def with_key(folder: Path, key: str | None) -> Settings:
    secret = None if key is None else SecretStr(key)
    return make_settings(folder).model_copy(update={"secrets": Secrets(secret_key=secret)})


def test_the_same_digits_are_the_same_key_in_file_and_variable(tmp_path: Path) -> None:
    made = instance_key(with_key(tmp_path, None))
    file = tmp_path / KEY_FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert instance_key(with_key(tmp_path, None)) == made
    assert instance_key(with_key(tmp_path, file.read_text().upper())) == made
    assert list(tmp_path.glob("secret.*")) == [file]


@pytest.mark.parametrize("broken", ["", "canary", "0" * 63, "0" * 66, "ä" * 64])
def test_a_broken_key_refuses_the_start_without_being_shown(tmp_path: Path, broken: str) -> None:
    (tmp_path / KEY_FILE).write_text(broken)
    for settings in (with_key(tmp_path, None), with_key(tmp_path, broken)):
        with pytest.raises(StartRefused, match="64 hex digits") as refused:
            instance_key(settings)
        assert not broken or broken not in str(refused.value)
