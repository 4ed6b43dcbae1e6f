"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from bench.lab import Lab


def describe(lab: Lab) -> dict[str, str]:
    """The machine, the versions and the date, as rows for people."""
    with psycopg.connect(lab.server) as connection:
        version = connection.info.server_version
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{_memory()} GB",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "Postgres": f"{version // 10000}.{version % 10000} (embedded, its default settings)",
        "load before the start": f"{os.getloadavg()[0]:.1f} processes waiting or running",
    }


def _processor() -> str:
    return _line(Path("/proc/cpuinfo"), "model name") or platform.processor() or "unknown"


def _memory() -> str:
    kilobytes = _line(Path("/proc/meminfo"), "MemTotal").removesuffix("kB").strip()
    return f"{int(kilobytes) / 1024 / 1024:.0f}" if kilobytes else "?"


def _line(file: Path, name: str) -> str:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError:
        return ""
    lines = (line.partition(":") for line in text.splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "")
