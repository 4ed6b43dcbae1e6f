"""Record `trueup demo` from a real terminal and draw its last screens as docs/demo.svg.

`./dev shell`, then `python docs/record_demo.py [LINES]`; LINES is how much of the end is drawn.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import shutil
import struct
import sys
import tempfile
import termios
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).with_name("demo.svg")
COLUMNS, ROWS = 100, 50
_CONTROL = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|\x1b[()].|\x1b[=>]|\r\n|\n|\r")
_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def record(command: list[str]) -> str:
    """Run a command in a terminal of its own and return everything that it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        child, terminal = pty.fork()
        if child == 0:
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
            os.environ.update(COLUMNS=str(COLUMNS), LINES=str(ROWS))
            os.environ.update(TRUEUP_DATA_DIR=f"{folder}/trueup")
            os.execvp(command[0], command)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        said = b"".join(iter(lambda: _read(terminal), b""))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code != 0:
        sys.exit(f"{' '.join(command)} ended with {code}")
    return said.decode("utf-8", errors="replace").replace(folder, "~")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so when the other end is closed
        return b""


def screen(said: str) -> list[str]:
    """The lines that are left when a terminal has followed the cursor; colours stay inside them."""
    lines, row, start = [""], 0, 0
    for found in _CONTROL.finditer(said):
        lines[row] += said[start : found.start()]
        start = found.end()
        number = int(found[1]) if (found[1] or "").isdigit() else 1
        match found[2]:
            case "m":
                lines[row] += found[0]
            case "A":
                row = max(0, row - number)
            case "B":
                row = min(len(lines) - 1, row + number)
            case "K":
                lines[row] = ""
            case "J":
                del lines[row + 1 :]
                lines[row] = ""
            case None if found[0].endswith("\n"):
                row += 1
                if row == len(lines):
                    lines.append("")
    return lines


def draw(lines: list[str], title: str) -> str:
    """The lines as a picture that loads nothing from anywhere."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi("\n".join(lines)))
    return _FONT.sub("", console.export_svg(title=title, unique_id="demo"))


def main(arguments: list[str]) -> None:
    """Record, draw, write."""
    most = int(arguments[0]) if arguments else 60
    lines = screen(record([shutil.which("trueup") or "trueup", "demo"]))
    while lines and not Text.from_ansi(lines[-1]).plain.strip():
        lines.pop()
    PICTURE.write_text(draw(lines[-most:], "trueup demo"), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
