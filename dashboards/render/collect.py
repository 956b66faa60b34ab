"""Asks a real Prometheus, loaded with replayed incidents, for what each panel of each dashboard shows, and writes it as JSON.

    collect.py OUTPUT_FOLDER    a file a dashboard: the dashboard, the time that is shown, the answers by panel and query
"""

import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))

import dashboards  # noqa: E402
import history  # noqa: E402
import servers  # noqa: E402

STEP_S = 60
# Long enough for rates: the points of a history are minutes apart where few packets come.
RATE_INTERVAL_S = 600
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


def ask(prometheus, expression, times, host, instant=False, step=STEP_S):
    first, last = times
    query = dashboards.fill_in(expression.replace("$host", host), f"{RATE_INTERVAL_S}s", f"{int(last - first)}s")
    if instant:
        return prometheus.get("query", query=query, time=last)["result"]
    return prometheus.get("query_range", query=query, start=first, end=last, step=step)["result"]


def answers(prometheus, dashboard, times, host):
    """The answers by the id of the panel, in the order of its queries."""
    found = {}
    for panel in dashboard["panels"]:
        step = RATE_INTERVAL_S if "maxDataPoints" in panel else STEP_S
        found[panel["id"]] = [
            ask(prometheus, target["expr"], times, host, target["instant"], step) for target in panel["targets"]
        ]
    return found


def main(output):
    program = servers.undercurrent()
    with tempfile.TemporaryDirectory() as folder:
        prometheus = servers.Prometheus({})
        times = {}
        for scenario in sorted({scenario for scenario, _ in SHOWN.values()}):
            path = pathlib.Path(folder) / f"{scenario}.om"
            history.write(program, scenario, path)
            points = history.points(path)
            times[scenario] = (points[0][0], points[-1][0])
            prometheus.load(path)
        with prometheus:
            for name, dashboard in dashboards.all_dashboards():
                scenario, host = SHOWN[name]
                shown = {
                    "dashboard": dashboard,
                    "range": times[scenario],
                    "answers": answers(prometheus, dashboard, times[scenario], host),
                    "annotations": [
                        series
                        for annotation in dashboard["annotations"]["list"]
                        for series in ask(prometheus, annotation["expr"], times[scenario], host)
                    ],
                }
                (output / name).write_text(json.dumps(shown), encoding="utf-8")


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    main(target)
