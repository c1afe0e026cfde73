"""Structured logs: one line an event of interest, no payloads at info."""

import logging
import sys
from typing import Any

import structlog


def set_up(level: str, json: bool) -> None:
    """Configures structlog and the standard library's logging to write to stderr in one format."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _printable,
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_fit)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer], foreign_pre_chain=shared
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


# What libraries tell below these levels is not for a log: of each connection that a password was shown on; and each
# record that is sent, whole.
_LEAST = {"aiokafka.conn": logging.WARNING, "aiokafka.producer.producer": logging.INFO}


def _is_fit(record: logging.LogRecord) -> bool:
    """And the driver's stack traces of its tries to connect become one line: whoever called is told, and logs what it
    means."""
    if record.name.startswith("cassandra") and record.exc_info and record.exc_info[1]:
        record.msg, record.args = f"{record.getMessage()} {record.exc_info[1]}", None
        record.exc_info = record.exc_text = None
    return record.levelno >= _LEAST.get(record.name, logging.NOTSET)


def _printable(_: Any, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """A stranger's word steers no terminal that shows it."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            text = value.rstrip("\n")  # of which libraries put one at the end
            event[name] = text if text.isprintable() else repr(text)[1:-1]
    return event


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of one module: `log.info("event", field=value)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def about(**fields: str | None) -> None:
    """What all lines of this task say besides, from now on; None: no more."""
    structlog.contextvars.unbind_contextvars(*(name for name, value in fields.items() if value is None))
    structlog.contextvars.bind_contextvars(**{name: value for name, value in fields.items() if value is not None})
