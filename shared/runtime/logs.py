"""Logs: one JSON line per record, without control characters and without anything that looks like a secret."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

SECRET_SHAPES = re.compile(
    r"(?i)(bearer\s+|bot\s+)[A-Za-z0-9._~+/=-]{12,}|wr_[a-z0-9]{8}_[A-Za-z0-9_-]{20,}"
    r"|[A-Za-z0-9_-]{23,28}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}"
    r"|(?<=/webhooks/)\d+/[A-Za-z0-9_.-]+|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)|#[A-Za-z0-9_-]{43}\b"
    r"|(?<=/interactions/)\d+/[A-Za-z0-9_.=-]+"
)
LINE_CHARACTERS = 4000
OWN_LOGGERS = ("api", "bot", "shared", "warroom")


def set_up_logs(level: str, human: bool) -> None:
    """Sends every record, our own and the libraries', through one formatter to stderr."""
    renderer: Any = structlog.dev.ConsoleRenderer(colors=False) if human else structlog.processors.JSONRenderer()
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            remove_secrets,
            renderer,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    # Below WARNING libraries repeat what they are given: a driver would log each value that it stores.
    root.setLevel(max(logging.getLevelNamesMapping()[level], logging.WARNING))
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(level)
    quiet = {
        "aiohttp.server": logging.CRITICAL,  # one traceback per malformed request otherwise
        "aiohttp.access": logging.CRITICAL,  # writes addresses and query strings
        "discord.http": logging.ERROR,
        "sqlalchemy.pool": logging.CRITICAL,  # prints addresses of the database
    }
    for name, quiet_level in quiet.items():
        logging.getLogger(name).setLevel(quiet_level)


def remove_secrets(_logger: Any, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Cuts token-shaped text and over-long values out of a record."""
    for key, value in record.items():
        if isinstance(value, str):
            record[key] = SECRET_SHAPES.sub("[secret]", value)[:LINE_CHARACTERS]
    return record
