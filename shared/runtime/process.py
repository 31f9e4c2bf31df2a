"""The life of one process: start the API first, lead when we may, stop within ten seconds."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

from rich.console import Console

from shared.clock import Clock
from shared.config import Settings
from shared.deliver.console_channel import ConsoleChannel
from shared.deliver.delivery_loop import DeliveryLoop
from shared.errors import WarroomError
from shared.guard.sessions import first_admin
from shared.jobs.job_table import JOBS
from shared.jobs.scheduler import run_scheduler
from shared.runtime.build import Runtime, build_runtime
from shared.runtime.control_socket import serve_commands
from shared.runtime.demo_data import seed_demo
from shared.runtime.interpreter import settle
from shared.runtime.operator_commands import OperatorContext, sign_in
from shared.runtime.start_screen import describe_settings, show_start_screen
from shared.store.database import SOCKET_FILE

logger = logging.getLogger(__name__)

Serve = Callable[[Runtime], AbstractAsyncContextManager[None]]
LeaderPart = tuple[str, Callable[[], Awaitable[None]]]
PartsOf = Callable[[Runtime], Sequence[LeaderPart]]
FIRST_ADMIN = "owner"  # who gets the sign-in link of the very first start
METER_SECONDS = 5.0
LOOK_SECONDS = 2.0  # the start screen waits no longer for the first look at the erase log
STOP_SECONDS = 7.5


async def run_process(
    settings: Settings,
    clock: Clock,
    serve: Serve,
    edge_parts: PartsOf,
    *,
    leads: bool,
    deployed: bool = False,
    demo: bool = False,
) -> None:
    """Runs until SIGTERM or SIGINT; `serve` opens the HTTP edge, `edge_parts` are the bots of the leader.

    `deployed`: what is written to the console is kept by somebody else.
    """
    stop = _stop_event()
    async with build_runtime(settings, clock) as runtime:
        describe_settings(settings, runtime.parts)
        if demo:
            await _unless_stopped(seed_demo(runtime), stop)
        if stop.is_set():
            return
        leader_parts = [*_own_parts(runtime, deployed=deployed), *edge_parts(runtime)] if leads else []
        async with _running(runtime, serve, leader_parts, leads=leads):
            await runtime.erase_watch.first_look(LOOK_SECONDS)
            await _greet(runtime)
            settle()
            await stop.wait()
            logger.info("stopping")
        await _flush_meter(runtime)
    logger.info("stopped")


@asynccontextmanager
async def _running(
    runtime: Runtime, serve: Serve, leader_parts: Sequence[LeaderPart], *, leads: bool
) -> AsyncIterator[None]:
    """Everything that works until the stop. Edge and leader end side by side: together they have ten seconds."""
    edge, leader = AsyncExitStack(), AsyncExitStack()
    runtime.erase_watch.begin()
    try:
        await edge.enter_async_context(serve(runtime))
        if runtime.settings.uses_sqlite:
            path = runtime.settings.store.data_dir / SOCKET_FILE
            await edge.enter_async_context(serve_commands(path, OperatorContext(runtime)))
        await edge.enter_async_context(_background(_keep_flushing(runtime), "meter"))
        await edge.enter_async_context(_background(runtime.store_watch.run(), "store watch"))
        await edge.enter_async_context(_background(runtime.erase_watch.run(), "erase log"))
        if leads:
            await leader.enter_async_context(_background(_lead(runtime, leader_parts), "leadership"))
        else:
            waiting = [name for name, part in runtime.parts.all().items() if part.state == "down"]
            runtime.leadership.stand_by(waiting)
        yield
    finally:
        for ended in await asyncio.gather(edge.aclose(), leader.aclose(), return_exceptions=True):
            if isinstance(ended, Exception):
                logger.error("a part did not stop cleanly", exc_info=ended)


async def _lead(runtime: Runtime, parts: Sequence[LeaderPart]) -> None:
    """Nobody is asked or answered who must be erased again first."""
    await runtime.erase_watch.settled.wait()
    await runtime.leadership.run(parts)


async def _unless_stopped(work: Coroutine[Any, Any, object], stop: asyncio.Event) -> None:
    """Long work of the start, given up when the process is to stop."""
    task, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not task.done():
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


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


def _own_parts(runtime: Runtime, *, deployed: bool) -> list[LeaderPart]:
    settings = runtime.settings
    if settings.war_room.console and not settings.war_room_on_discord:
        runtime.channels.attach(ConsoleChannel(settings, sys.stdout, is_log=deployed and not sys.stdout.isatty()))
        runtime.parts.set("war room", "ok", "posts appear on the console and on the dashboard's War Room page")
    loop = DeliveryLoop(
        settings,
        runtime.clock,
        runtime.store,
        runtime.channels,
        runtime.epoch,
        runtime.is_leader,
        runtime.instance,
    )
    fenced = replace(runtime.job_context(), epoch=runtime.epoch)
    return [
        ("delivery", _told(runtime, "delivery", "sends what waits in the outbox", loop.run)),
        ("jobs", _told(runtime, "jobs", "tick", lambda: run_scheduler(fenced, JOBS))),
    ]


def _told(
    runtime: Runtime, name: str, sentence: str, work: Callable[[], Awaitable[None]]
) -> Callable[[], Awaitable[None]]:
    """The part says that it works when it is started; its failures and its end are told by the leadership."""

    async def run() -> None:
        runtime.parts.set(name, "ok", sentence)
        await work()

    return run


async def _greet(runtime: Runtime) -> None:
    console, interactive = Console(file=sys.stdout, highlight=False), sys.stdout.isatty()
    address = ""
    if interactive:
        try:
            async with runtime.store.read() as session:
                admin = await first_admin(session)
            address = await sign_in(runtime, {"name": admin.name if admin else FIRST_ADMIN, "role": None})
        except WarroomError as error:
            logger.warning("no sign-in link: %s", error)
    show_start_screen(console, runtime.settings, runtime.parts, address)


async def _keep_flushing(runtime: Runtime) -> None:
    while True:
        await asyncio.sleep(METER_SECONDS)
        await _flush_meter(runtime)


async def _flush_meter(runtime: Runtime) -> None:
    try:
        await runtime.meter.flush(runtime.store)
    except Exception as error:  # counting goes on; the next flush tries again
        logger.warning("counts of answers wait for the store: %s", type(error).__name__)


def _report_end(task: asyncio.Task[None]) -> None:
    """Work that should go on for ever ended by itself: say so at once and stop, so that a supervisor starts us anew."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("%s ended: stopping", task.get_name(), exc_info=error)
        signal.raise_signal(signal.SIGTERM)


@asynccontextmanager
async def _background(work: Awaitable[None], name: str) -> AsyncIterator[None]:
    async def run() -> None:
        await work

    task = asyncio.create_task(run(), name=name)
    task.add_done_callback(_report_end)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, TimeoutError):
            await asyncio.wait_for(task, STOP_SECONDS)
