"""The one process: API, dashboard, jobs, delivery, and whichever bots have tokens."""

import argparse
import sys
from collections.abc import Sequence

from api.server import serve
from shared.runtime import Runtime
from shared.runtime.launch import launch
from shared.runtime.process import LeaderPart


def bots(runtime: Runtime) -> Sequence[LeaderPart]:
    """The bots that have their tokens; the libraries of the others are not even loaded."""
    found: list[LeaderPart] = []
    if runtime.settings.secrets.discord_token:
        from bot.discord_supervisor import DiscordSupervisor

        found.append(("discord", DiscordSupervisor(runtime).run))
    if runtime.settings.x.enabled and runtime.settings.secrets.has_x():
        from bot.x_reader import XReader

        found.append(("x", XReader(runtime).run))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bot", description=__doc__)
    parser.add_argument("--deployed", action="store_true", help="refuse to start without a place that keeps data")
    parser.add_argument("--demo", action="store_true", help="fill an empty store with 28 days of made-up data first")
    options = parser.parse_args()
    sys.exit(launch(serve, bots, deployed=options.deployed, demo=options.demo))


if __name__ == "__main__":
    main()
