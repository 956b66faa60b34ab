#!/usr/bin/env python3
"""Draws what a command prints to a terminal as an SVG picture.

    scripts/render_terminal.py OUT.svg -- COMMAND...           writes the picture
    scripts/render_terminal.py --check OUT.svg -- COMMAND...   fails where the picture is another one

The command runs in a pseudo-terminal of fixed width. Colours and bold are kept; of moving cursors nothing is known.
"""

import argparse
import fcntl
import html
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

COLUMNS = 118
CELL_WIDTH, LINE_HEIGHT, MARGIN = 8.4, 19, 18
COLOURS = {31: "#ff7b72", 32: "#7ee787", 33: "#e3b341", 34: "#79c0ff", 35: "#d2a8ff", 36: "#76e3ea"}
# 256-colour numbers of the same eight.
INDEXED = {1: 31, 2: 32, 3: 33, 4: 34, 5: 35, 6: 36, 9: 31, 10: 32, 11: 33, 12: 34, 13: 35, 14: 36}
ESCAPE = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])")


def printed(command):
    """What the command writes to a terminal of COLUMNS columns; its standard error goes to ours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = dict(os.environ, TERM="xterm-256color", COLUMNS=str(COLUMNS))
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=theirs, env=environment)
    os.close(theirs)
    parts = []
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux's end of a pseudo-terminal.
            break
        if not part:
            break
        parts.append(part)
    if process.wait() != 0:
        sys.exit(f"{command[0]} failed with exit code {process.returncode}")
    return b"".join(parts).decode().replace("\r\n", "\n")


def style_after(style, codes):
    """(colour, bold) after a sequence of SGR codes."""
    colour, bold = style
    numbers = [int(code or 0) for code in codes.split(";")]
    if numbers[:2] == [38, 5]:
        return COLOURS.get(INDEXED.get(numbers[2])), bold
    for number in numbers:
        if number == 0:
            colour, bold = None, False
        elif number == 1:
            bold = True
        elif number in (22, 39):
            colour, bold = (colour, False) if number == 22 else (None, bold)
        elif number in COLOURS:
            colour = COLOURS[number]
    return colour, bold


def spans(line, style):
    """The line as SVG text spans, and the style at its end."""
    out, column, at = [], 0, 0

    def put(text):
        nonlocal column
        attributes = f' fill="{style[0]}"' if style[0] else ""
        attributes += ' font-weight="bold"' if style[1] else ""
        # Words apart are placed apart: SVG folds runs of spaces.
        for part in re.finditer(r"\S+(?: \S+)*", text):
            x, width = MARGIN + (column + part.start()) * CELL_WIDTH, len(part.group()) * CELL_WIDTH
            words = html.escape(part.group())
            out.append(f'<tspan x="{x:.1f}" textLength="{width:.1f}"{attributes}>{words}</tspan>')
        column += len(text)

    for escape in ESCAPE.finditer(line):
        put(line[at : escape.start()])
        if escape.group(2) == "m":
            style = style_after(style, escape.group(1))
        at = escape.end()
    put(line[at:])
    return "".join(out), style


def draw(prompt, text):
    """The picture: a prompt, and what was printed after it."""
    lines = [f"\x1b[32m$\x1b[0m \x1b[1m{prompt}\x1b[0m", *text.rstrip("\n").split("\n")]
    width, height = COLUMNS * CELL_WIDTH + 2 * MARGIN, len(lines) * LINE_HEIGHT + 2 * MARGIN
    style, rows = (None, False), []
    for number, line in enumerate(lines):
        row, style = spans(line, style)
        rows.append(f'<text y="{MARGIN + (number + 0.75) * LINE_HEIGHT:.1f}">{row}</text>')
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
            f' viewBox="0 0 {width:.0f} {height:.0f}" role="img">',
            f"<title>What {html.escape(prompt)} prints</title>",
            '<rect width="100%" height="100%" rx="8" fill="#0d1117"/>',
            '<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="14"'
            ' fill="#e6edf3">',
            *rows,
            "</g>",
            "</svg>\n",
        ]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    parser.add_argument("--prompt", default="make demo", help="the command that the picture shows")
    parser.add_argument("picture", type=Path)
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    picture = draw(arguments.prompt, printed(arguments.command))
    if not arguments.check:
        arguments.picture.write_text(picture)
    elif arguments.picture.read_text() != picture:
        sys.exit(f"{arguments.picture} is not what {arguments.prompt} prints now: run `make pages`")


if __name__ == "__main__":
    main()
