"""From the command line to a running process: settings, checks, logs, loop, exit code."""

import asyncio
import os
import signal
import sys

from shared.clock import process_clock
from shared.config import load_settings
from shared.errors import ConfigurationError, StartRefused
from shared.runtime.build import Runtime
from shared.runtime.logs import set_up_logs
from shared.runtime.output import speak_regardless
from shared.runtime.process import LeaderPart, PartsOf, Serve, run_process
from shared.runtime.start_checks import (
    CONFIGURATION_EXIT,
    SETTINGS_CHECKS,
    UNAVAILABLE_EXIT,
    check_deployment,
    check_test_clock,
)


def no_bots(_runtime: Runtime) -> list[LeaderPart]:
    return []


def launch(
    serve: Serve, edge_parts: PartsOf = no_bots, *, leads: bool = True, deployed: bool = False, demo: bool = False
) -> int:
    """Runs the process; its exit code. Refusals are one sentence on stderr."""
    signal.signal(signal.SIGTERM, _leave)  # until the loop listens
    speak_regardless()
    try:
        settings = load_settings(checks=SETTINGS_CHECKS)
        if deployed:
            check_deployment(settings)
        check_test_clock(settings)
        os.umask(0o077)  # the database, its WAL and the salts are nobody else's business
        set_up_logs(settings.server.log_level, human=sys.stderr.isatty())
        work = run_process(settings, process_clock(), serve, edge_parts, leads=leads, deployed=deployed, demo=demo)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(work)
            _hear_no_more(runner.get_loop())
    except ConfigurationError as error:
        return _refuse(str(error), CONFIGURATION_EXIT)
    except StartRefused as error:
        return _refuse(str(error), UNAVAILABLE_EXIT)
    return 0


def _leave(_number: int, _frame: object) -> None:
    raise SystemExit(0)


def _hear_no_more(loop: asyncio.AbstractEventLoop) -> None:
    """Asked again while the last threads end: it ends already, and well. A loop that closes would give signals back."""
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)


def _loop_factory() -> "type[asyncio.AbstractEventLoop] | None":
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.Loop


def _refuse(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)
    return code
