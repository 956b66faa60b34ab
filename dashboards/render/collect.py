"""Asks a real Prometheus for what each panel of each dashboard shows, and writes it as JSON: incidents of replays, and for the health of the
sensor a live one, where one can be started.

    collect.py OUTPUT_FOLDER    a file a dashboard: the dashboard, the time that is shown, the answers by panel and query
"""

import contextlib
import json
import pathlib
import sys
import tempfile
import time
import typing

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))

import dashboards  # noqa: E402
import history  # noqa: E402
import live  # noqa: E402
import servers  # noqa: E402

OFFICE = "office_day_incident"
UPLOAD = "https_bulk_upload"
# What each dashboard shows: a scenario of captures/, and the host that is chosen.
SHOWN = {
    "overview.json": (OFFICE, ".*"),
    "sensor.json": (OFFICE, ".*"),
    "c2.json": (OFFICE, ".*"),
    "host.json": (OFFICE, "10.20.30.17"),
    "exfiltration.json": (UPLOAD, ".*"),
}
# What is sent to the live sensor, one after another, and the seconds between.
SENT = ["benign_browsing", "iodine_tunnel", OFFICE, UPLOAD]
PAUSE_S = 20


class Window(typing.NamedTuple):
    """A time that is shown, in seconds: its ends, the step between points, and the range of rates."""

    first: float
    last: float
    step: int
    rate: int


def of_replay(path):
    points = history.points(path)
    # Rates over long: the points of a history are minutes apart where few packets come.
    return Window(points[0][0], points[-1][0], step=60, rate=600)


def of_sensor(prometheus, interface):
    first = time.time()
    for scenario in SENT:
        live.send(scenario, interface)
        scrapes = prometheus.scrapes("tap") + PAUSE_S
        servers.until(lambda enough=scrapes: prometheus.scrapes("tap") >= enough, "the sensor to be scraped")
    return Window(first, time.time(), step=1, rate=15)


def ask(prometheus, expression, window, host, instant=False, step=None):
    whole = f"{int(window.last - window.first)}s"
    query = dashboards.fill_in(expression.replace("$host", host), f"{window.rate}s", whole)
    if instant:
        return prometheus.get("query", query=query, time=window.last)["result"]
    times = {"start": window.first, "end": window.last, "step": step or window.step}
    return prometheus.get("query_range", query=query, **times)["result"]


def answers(prometheus, dashboard, window, host):
    """The answers by the id of the panel, in the order of its queries."""
    found = {}
    for panel in dashboard["panels"]:
        # A bar is half of what its range reaches back: what rose while no point was taken is in one of them.
        step = window.rate // 2 if "maxDataPoints" in panel else window.step
        found[panel["id"]] = [
            ask(prometheus, target["expr"], window, host, target["instant"], step) for target in panel["targets"]
        ]
    return found


def shown(prometheus, dashboard, window, host):
    annotations = dashboard["annotations"]["list"]
    return {
        "dashboard": dashboard,
        "range": [window.first, window.last],
        "answers": answers(prometheus, dashboard, window, host),
        "annotations": [series for of in annotations for series in ask(prometheus, of["expr"], window, host)],
    }


def main(output):
    program = servers.undercurrent()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        targets, interface = {}, None
        if live.missing():
            print(f"the dashboard of the sensor shows a replay: {live.missing()}")
        else:
            stack.enter_context(live.own_network())
            interface, far = live.add_link(0)
            targets["tap"] = stack.enter_context(live.Sensor(program, far)).address
        prometheus = servers.Prometheus(targets)
        windows = {}
        for scenario in [OFFICE, UPLOAD]:
            path = folder / f"{scenario}.om"
            history.write(program, scenario, path)
            windows[scenario] = of_replay(path)
            prometheus.load(path)
        stack.enter_context(prometheus)
        of_the_sensor = of_sensor(prometheus, interface) if targets else windows[OFFICE]
        for name, dashboard in dashboards.all_dashboards():
            scenario, host = SHOWN[name]
            window = of_the_sensor if name == "sensor.json" else windows[scenario]
            (output / name).write_text(json.dumps(shown(prometheus, dashboard, window, host)), encoding="utf-8")


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    main(target)
