"""Logs are events on stderr: for people on a terminal, one JSON line each everywhere else."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO


def set_up(*, verbose: bool = False, stream: TextIO | None = None) -> None:
    """Configure logging once, at the edge. Without `verbose` only warnings and worse are shown."""
    import structlog

    out = stream or sys.stderr
    human = out.isatty()
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=True) if human else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.INFO if verbose else logging.WARNING
        ),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
