"""The metrics history of a replay, served as a sensor would serve it, in quick motion and as if it were now."""

import re
import subprocess
import threading
import time

from servers import HttpServer, capture

LINE = re.compile(r"^(?P<series>[a-zA-Z_:][^ ]*(?:\{.*\})?) (?P<value>\S+) (?P<at>[0-9.]+)$")


def write(program, scenario, path):
    """Replays a scenario of captures/ into an OpenMetrics file."""
    command = [program, "replay", "--quiet", "--no-progress", "--metrics-history", path, capture(scenario)]
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def points(path):
    """What would have been served at each time: [(seconds, [(series, value)])]."""
    at = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        match = None if line.startswith("#") else LINE.match(line)
        if match:
            at.setdefault(float(match["at"]), []).append((match["series"], float(match["value"])))
    return sorted(at.items())


class Player(HttpServer):
    """Serves the points of a history one after another, all within `length_s` from the first scrape on; then the last one."""

    def __init__(self, path, length_s):
        self._points = points(path)
        self._length_s = length_s
        self._begin = None
        self._lock = threading.Lock()
        self.played = False
        super().__init__(lambda _: self._now())

    def _now(self):
        with self._lock:
            self._begin = self._begin or time.monotonic()
            share = (time.monotonic() - self._begin) / self._length_s
        index = min(int(share * len(self._points)), len(self._points) - 1)
        self.played = index == len(self._points) - 1
        at, samples = self._points[index]
        shift = time.time() - at
        return "".join(f"{series} {self._moved(series, value, shift)!r}\n" for series, value in samples)

    @staticmethod
    def _moved(series, value, shift):
        return value + shift if series.split("{")[0].endswith("_timestamp_seconds") else value
