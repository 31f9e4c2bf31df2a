"""The life of one process: start the API first, lead when we may, stop within ten seconds."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from rich.console import Console

from shared.clock import Clock
from shared.config import Settings
from shared.deliver.console_channel import ConsoleChannel
from shared.deliver.delivery_loop import DeliveryLoop
from shared.errors import WarroomError
from shared.ingest.feedback.preparing import prepare_text
from shared.jobs.job_table import JOBS
from shared.jobs.scheduler import run_scheduler
from shared.runtime.build import Runtime, build_runtime
from shared.runtime.control_socket import serve_commands
from shared.runtime.demo_data import seed_demo
from shared.runtime.operator_commands import OperatorContext, sign_in
from shared.runtime.start_screen import describe_settings, show_start_screen
from shared.store.database import SOCKET_FILE

logger = logging.getLogger(__name__)

Serve = Callable[[Runtime], AbstractAsyncContextManager[None]]
LeaderPart = tuple[str, Callable[[], Awaitable[None]]]
PartsOf = Callable[[Runtime], Sequence[LeaderPart]]
METER_SECONDS = 5.0
STOP_SECONDS = 9.0


async def run_process(
    settings: Settings, clock: Clock, serve: Serve, edge_parts: PartsOf, *, leads: bool, demo: bool = False
) -> None:
    """Runs until SIGTERM or SIGINT; `serve` opens the HTTP edge, `edge_parts` are the bots of the leader."""
    stop = _stop_event()
    async with AsyncExitStack() as stack:
        runtime = await stack.enter_async_context(build_runtime(settings, clock))
        describe_settings(settings, runtime.parts)
        if demo:
            await seed_demo(runtime)
        await stack.enter_async_context(serve(runtime))
        if settings.uses_sqlite:
            path = settings.store.data_dir / SOCKET_FILE
            await stack.enter_async_context(serve_commands(path, OperatorContext(runtime)))
        await stack.enter_async_context(_background(_flush_meter(runtime), "meter"))
        await stack.enter_async_context(_background(_warm_up(settings), "warm-up"))
        if leads:
            leader_parts = [*_own_parts(runtime), *edge_parts(runtime)]
            await stack.enter_async_context(_background(runtime.leadership.run(leader_parts), "leadership"))
        await _greet(runtime)
        await stop.wait()
        logger.info("stopping")
    logger.info("stopped")


def _stop_event() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.set_exception_handler(_log_loop_error)
    return stop


def _log_loop_error(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    error = context.get("exception")
    logger.error("unhandled: %s", context.get("message"), exc_info=error if isinstance(error, BaseException) else None)


def _own_parts(runtime: Runtime) -> list[LeaderPart]:
    settings = runtime.settings
    if settings.war_room.console and not settings.war_room_on_discord:
        runtime.channels.attach(ConsoleChannel(settings, sys.stdout))
        runtime.parts.set("war room", "ok", "posts appear here and on the dashboard's War Room page")
    loop = DeliveryLoop(
        settings,
        runtime.clock,
        runtime.store,
        runtime.channels,
        runtime.epoch,
        runtime.is_leader,
        runtime.instance,
    )
    return [
        ("delivery", loop.run),
        ("jobs", lambda: run_scheduler(runtime.job_context(), JOBS)),
    ]


async def _greet(runtime: Runtime) -> None:
    console, interactive = Console(file=sys.stdout, highlight=False), sys.stdout.isatty()
    address = ""
    if interactive:
        try:
            address = await sign_in(runtime, {"name": "owner", "role": None})
        except WarroomError as error:
            logger.warning("no sign-in link: %s", error)
    show_start_screen(console, runtime.settings, runtime.parts, address)


async def _warm_up(settings: Settings) -> None:
    """Loads the language model while nobody waits for it: the first voice would take seconds longer."""
    await prepare_text("Guten Morgen zusammen", settings.sentiment, None)


async def _flush_meter(runtime: Runtime) -> None:
    while True:
        await asyncio.sleep(METER_SECONDS)
        try:
            await runtime.meter.flush(runtime.store)
        except WarroomError:
            logger.warning("counts of answers wait for the store")


@asynccontextmanager
async def _background(work: Awaitable[None], name: str) -> AsyncIterator[None]:
    async def run() -> None:
        await work

    task = asyncio.create_task(run(), name=name)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, TimeoutError):
            await asyncio.wait_for(task, STOP_SECONDS)
