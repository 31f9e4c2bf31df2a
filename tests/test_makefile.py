"""The first `make` on a bare machine: what is missing is named, and nothing half made stays behind."""

import shutil
import subprocess
import sys
from pathlib import Path

from shared.config import PROJECT_DIR


def make_environment(folder: Path, case: str) -> subprocess.CompletedProcess[str]:
    """Makes the environment in `folder` with a Python that answers `case` in its own way."""
    shutil.copy(PROJECT_DIR / "Makefile", folder)
    python = folder / "python"
    python.write_text(f'#!/bin/sh\ncase "$*" in {case} esac\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o700)
    command = ["make", f"PYTHON={python}", ".venv/bin/python"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=40, check=False)


def test_a_python_without_venv_is_told_which_package_to_install(tmp_path: Path) -> None:
    made = make_environment(tmp_path, "*ensurepip*) exit 1;;")
    assert made.returncode != 0
    assert "apt install python3-venv" in made.stderr
    assert "Traceback" not in made.stderr


def test_an_environment_that_failed_half_way_is_removed(tmp_path: Path) -> None:
    made = make_environment(tmp_path, '"-m venv"*) mkdir -p .venv/bin; touch .venv/bin/python; exit 1;;')
    assert made.returncode != 0
    assert not (tmp_path / ".venv").exists()
