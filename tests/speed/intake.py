"""Goals 1 to 8 and 10: `/track` against what it is compared with, in interleaved rounds."""

import asyncio
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from tests.postgres_server import PostgresServer, start_postgres
from tests.speed.goals import Results
from tests.speed.processes import Round, ServerProcess, send_round

ROUNDS = 11
FLUSH_MS = 5
HERE = Path(__file__).parent
Group = Mapping[str, list[ServerProcess]]
Counts = Mapping[str, int]  # requests of a round, by server


@contextmanager
def running(kinds: Mapping[str, dict[str, str]], folder: Path) -> Iterator[dict[str, list[ServerProcess]]]:
    """Servers by name; a name is the kind, perhaps with a dot and more."""
    with ExitStack() as stack:
        servers = {}
        for name, environment in kinds.items():
            server = ServerProcess(name.partition(".")[0], folder / name, environment)
            stack.callback(server.stop)
            servers[name] = [server]
        yield servers


def compare(servers: Group, counts: Counts, events: int, connections: int) -> dict[str, list[Round]]:
    """Rounds by name; the first, which warms up, is left out."""
    rounds: dict[str, list[Round]] = {name: [] for name in counts}
    for number in range(ROUNDS + 1):
        for name, count in counts.items():
            taken = send_round(servers[name], count, events, connections)
            if number:
                rounds[name].append(taken)
    return rounds


def ratios(rounds: Mapping[str, list[Round]], one: str, other: str, what: str = "per_second") -> list[float]:
    pairs = zip(rounds[one], rounds[other], strict=True)
    return [float(getattr(first, what) / getattr(second, what)) for first, second in pairs]


def compare_sqlite(results: Results, folder: Path) -> None:
    with running({"bare": {}, "warroom": {}, "usual": {}}, folder) as servers:
        rounds = compare(servers, {"bare": 6000, "warroom": 6000, "usual": 200}, events=1, connections=32)
        results.add("1", *ratios(rounds, "warroom", "bare"))
        results.add("3", *ratios(rounds, "warroom", "bare", "cpu_us"))
        results.add("6", *ratios(rounds, "warroom", "bare", "p99_ms"))
        results.add("4", *ratios(rounds, "warroom", "usual"))
        many = compare(servers, {"warroom": 300}, events=20, connections=32)
        one_cpu = median(round_.cpu_us for round_ in rounds["warroom"])
        results.add("5", *(round_.cpu_us / 20 / one_cpu for round_ in many["warroom"]))
        wide = compare(servers, {"bare": 6000, "warroom": 6000}, events=1, connections=256)
        results.add("2", *ratios(wide, "warroom", "bare"))


def compare_slow_flush(results: Results, folder: Path) -> None:
    library = build_slow_flush(folder)
    slow = {"LD_PRELOAD": str(library), "SLOW_FLUSH_US": str(FLUSH_MS * 1000)}
    with running({"warroom": slow, "alone": slow}, folder / "slow") as servers:
        rounds = compare(servers, {"warroom": 1000, "alone": 60}, events=1, connections=32)
        results.add("7", *ratios(rounds, "warroom", "alone"))
        results.add("8", *(round_.measured.p50_ms / FLUSH_MS for round_ in rounds["warroom"]))
        wide = compare(servers, {"warroom": 3000, "alone": 256}, events=1, connections=256)
        results.add("7b", *ratios(wide, "warroom", "alone"))


def build_slow_flush(folder: Path) -> Path:
    """Raises RuntimeError where there is no C compiler."""
    library = folder / "slow_flush.so"
    command = [os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", str(HERE / "slow_flush.c"), "-o", str(library)]
    try:
        subprocess.run([*command, "-ldl"], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise RuntimeError(f"no C compiler made the library that slows flushes down ({error})") from error
    return library


def compare_postgres(results: Results, folder: Path) -> None:
    server = start_postgres(folder / "postgres")
    try:
        ours, usual = asyncio.run(_make_databases(server))
        stores = {"DATABASE_URL": ours}
        kinds = {"bare": {}, "warroom": stores, "usual": {"DATABASE_URL": usual}}
        with running(kinds, folder / "pg") as servers:
            rounds = compare(servers, {"bare": 6000, "warroom": 4000, "usual": 200}, events=1, connections=32)
            results.add("10", *ratios(rounds, "warroom", "bare"))
            results.add("4p", *ratios(rounds, "warroom", "usual"))
            with running({"warroom.second": stores}, folder / "pg") as second:
                both = {"warroom": servers["warroom"], "both": [*servers["warroom"], *second["warroom.second"]]}
                wide = compare(both, {"warroom": 4000, "both": 4000}, events=1, connections=256)
                best = {name: max(round_.per_second for round_ in found) for name, found in wide.items()}
                results.add("10b", best["both"] / best["warroom"])
    finally:
        server.stop()


async def _make_databases(server: PostgresServer) -> tuple[str, str]:
    for name in ("warroom", "usual"):
        await server.create_database(name)
    return server.dsn("warroom"), server.dsn("usual")
