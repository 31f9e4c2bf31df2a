"""The committed files of the script are the build of their sources, and small."""

import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from api.script_files import read_earlier, script_files
from shared.config import ScriptSettings

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "api" / "web" / "script"
STATIC = ROOT / "api" / "web" / "static"
INFLATE = "process.stdout.write(zlib.brotliDecompressSync(fs.readFileSync(process.argv[1])))"
SCRIPT = ScriptSettings(path="/_warroom", name="warroom", intake="track")
BUDGETS = {  # bytes: gzip, brotli
    "warroom.js": (2400, 2100),
    "warroom-lite.js": (2400, 1100),
    "warroom-extras.js": (1200, 1000),
    "widget.js": (None, 6144),
}


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((BUILD / "manifest.json").read_text(encoding="utf-8"))
    return found


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_sources_are_those_that_were_built(manifest: dict[str, Any]) -> None:
    sources = {path.name: sha256(path) for path in (BUILD / "src").iterdir()}
    assert sources == manifest["sources"], "run `npm run build` in api/web/script"


def test_files_are_those_that_were_built(manifest: dict[str, Any]) -> None:
    for name, file in manifest["files"].items():
        body = (STATIC / name).read_bytes()
        assert (sha256(STATIC / name), len(body)) == (file["sha256"], file["bytes"]), name
        assert sha256(STATIC / f"{name}.br") == file["brotli_sha256"], name
        assert gzip.decompress((STATIC / f"{name}.gz").read_bytes()) == body, name


@pytest.mark.parametrize("name", list(BUDGETS))
def test_files_keep_their_budgets(name: str) -> None:
    most_gzip, most_brotli = BUDGETS[name]
    assert most_gzip is None or (STATIC / f"{name}.gz").stat().st_size <= most_gzip
    assert (STATIC / f"{name}.br").stat().st_size <= most_brotli


def test_files_are_those_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    built = (BUILD / "version").read_text(encoding="utf-8").strip()
    assert built == version, "run `npm run build` in api/web/script: it keeps the files of the version before"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_page_that_is_pinned_to_the_last_version_goes_on_working(tmp_path: Path) -> None:
    node = node_with_tools()
    copied, before = tmp_path / "api" / "web", script_files()
    shutil.copytree(BUILD, copied / "script", symlinks=True, ignore=shutil.ignore_patterns("node_modules"))
    (copied / "script" / "node_modules").symlink_to(BUILD / "node_modules")
    shutil.copytree(STATIC, copied / "static")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "99.0.0"\n')
    entry = copied / "script" / "src" / "warroom.js"
    entry.write_text(entry.read_text() + "\nwindow.newer = 1;\n")
    for _ in range(2):  # the second build of a version keeps nothing more
        subprocess.run([node, "build.mjs"], cwd=copied / "script", check=True, capture_output=True, timeout=140)
    assert (copied / "static" / "warroom.js").read_bytes() != before["warroom.js"].bodies["identity"]
    earlier = read_earlier(copied / "static" / "earlier")
    assert {name for name, _ in earlier} == {"warroom.js", "warroom-lite.js", "warroom-extras.js"}
    for (name, hash_of_it), kept in earlier.items():
        assert (kept.bodies, kept.integrity) == (before[name].bodies, before[name].integrity)
        served = before[name].hashed_path(SCRIPT).rpartition("/")[2]
        assert hash_of_it in served


def node_with_tools() -> str:
    node = shutil.which("node")
    if node is None or not (BUILD / "node_modules").exists():
        if os.environ.get("CI"):
            pytest.fail("the build tools are not installed: npm ci --prefix api/web/script")
        pytest.skip("the build tools are not installed: npm ci --prefix api/web/script")
    return node


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_building_again_gives_the_same_bytes(tmp_path: Path) -> None:
    node = node_with_tools()
    subprocess.run([node, "build.mjs", str(tmp_path)], cwd=BUILD, check=True, capture_output=True, timeout=140)
    built = {path.name for path in tmp_path.iterdir()} - {"manifest.json"}
    assert built
    for name in built:
        if name.endswith(".gz"):  # another zlib may pack the same differently
            assert gzip.decompress((tmp_path / name).read_bytes()) == gzip.decompress((STATIC / name).read_bytes()), (
                name
            )
        elif name.endswith(".br"):
            inflated = subprocess.run([node, "-e", INFLATE, str(STATIC / name)], check=True, capture_output=True)
            assert inflated.stdout == (STATIC / name.removesuffix(".br")).read_bytes(), name
        else:
            assert (tmp_path / name).read_bytes() == (STATIC / name).read_bytes(), name


def test_locks_name_no_host() -> None:
    lock = (BUILD / "package-lock.json").read_text(encoding="utf-8")
    assert "resolved" not in lock
    packages = json.loads((BUILD / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    assert all(version[0].isdigit() for version in packages.values())


def test_the_chooser_of_variants_is_one_and_small() -> None:
    snippet = (BUILD / "warroom-ab.head.js").read_text(encoding="utf-8")
    package = (ROOT / "api" / "web" / "starlight" / "src" / "experiments.js").read_text(encoding="utf-8")
    assert re.findall(r"EXPERIMENT_SNIPPET = String\.raw`(.*)`;", package) == [snippet]
    assert len(snippet) <= 200
    docs = (ROOT / "api" / "web" / "docs" / "script.md").read_text(encoding="utf-8")
    assert base64.b64encode(hashlib.sha256(snippet.encode()).digest()).decode() in docs
