"""A data folder that may only be read: one line that says what to do, no loop, no traceback, nothing changed."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.config import PROJECT_DIR
from shared.store.database import DATABASE_FILE
from tests.conftest import lay_migrated_database

PR_CAPBSET_DROP = 24
POWERS_OVER_FILES = (1, 2)  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: without them root obeys permissions too


def obey_permissions() -> None:
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None)
        for power in POWERS_OVER_FILES:
            libc.prctl(PR_CAPBSET_DROP, power, 0, 0, 0)


def start(data: Path) -> subprocess.CompletedProcess[str]:
    """A start that is expected to be refused."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(data), "WARROOM_DATA_DIR": str(data), "PORT": "0"}
    return subprocess.run(
        [sys.executable, "-m", "api"],
        cwd=PROJECT_DIR,
        env={**environment, "WARROOM_SERVER__PUBLIC_URL": "http://127.0.0.1:1", "WARROOM_SECRET_KEY": "1" * 64},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        preexec_fn=obey_permissions,
    )


@pytest.mark.slow
def test_a_start_on_read_only_data_is_refused_in_one_line(tmp_path: Path) -> None:
    data = tmp_path / "data"
    lay_migrated_database(data)
    file = data / DATABASE_FILE
    before = file.read_bytes()
    os.chmod(file, 0o400)
    os.chmod(data, 0o500)
    try:
        refused = start(data)
    finally:
        os.chmod(data, 0o700)
    assert refused.returncode == 69, refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr
    assert "data" in refused.stderr
    assert file.read_bytes() == before


@pytest.mark.slow
def test_a_broken_database_is_refused_in_one_line(tmp_path: Path) -> None:
    data = tmp_path / "data"
    lay_migrated_database(data)
    file = data / DATABASE_FILE
    file.write_bytes(b"no database at all" * 1000)
    refused = start(data)
    assert refused.returncode == 69, refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr
