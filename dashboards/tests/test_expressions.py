"""Every expression of every dashboard and rule, run against a real Prometheus with an incident of each kind from replays, and with a
target that is scraped now. Each must give data, or stand in the list below with the reason why not."""

import math
import pathlib
import tempfile
import time
import unittest

import dashboards
import history
import servers

# One incident of each kind.
INCIDENTS = ["office_day_incident", "staged_upload"]

LIVE_ONLY = "only a live sensor has it, and a replay stands for the sensor here"
# Panels that are rightly empty: (file, title) and the reason.
RIGHTLY_EMPTY = {
    ("sensor.json", "Late scoring passes"): LIVE_ONLY,
    ("sensor.json", "Since the last checkpoint"): LIVE_ONLY,
    ("sensor.json", "Interfaces"): LIVE_ONLY,
    ("sensor.json", "Configuration"): LIVE_ONLY,
    ("sensor.json", "Time of a scoring pass"): LIVE_ONLY,
    ("sensor.json", "Findings that wait or are lost"): LIVE_ONLY,
    ("sensor.json", "Memory"): LIVE_ONLY,
    ("sensor.json", "Processors"): LIVE_ONLY,
}
# Metrics in rules that have no series here.
WITHOUT_SERIES = {
    "undercurrent_capture_interface_up": LIVE_ONLY,
    "undercurrent_checkpoint_age_seconds": LIVE_ONLY,
    "undercurrent_findings_lost_total": LIVE_ONLY,
    "undercurrent_findings_sink_up": LIVE_ONLY,
}


def has_data(result):
    return any(not math.isnan(float(value)) for series in result for _, value in series["values"])


@unittest.skipUnless(servers.PROMETHEUS and servers.PROMTOOL, "skipped: prometheus or promtool is not installed")
class Expressions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        program = servers.undercurrent()
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        histories = {incident: folder / f"{incident}.om" for incident in INCIDENTS}
        for incident, path in histories.items():
            history.write(program, incident, path)
        player = cls.enterClassContext(history.Player(histories[INCIDENTS[0]], length_s=5))
        prometheus = servers.Prometheus({"sensor": player.address})
        for path in histories.values():
            prometheus.load(path)
        cls.prometheus = cls.enterClassContext(prometheus)
        servers.until(lambda: player.played and prometheus.scrapes("sensor") >= 8, "the target to be scraped")
        # (first, last, step, rate interval) in seconds of each time that is looked at.
        times = [[at for at, _ in history.points(path)] for path in histories.values()]
        now = time.time()
        cls.windows = [(at[0], at[-1], 60, 240) for at in times] + [(now - 5, now, 1, 4)]
        cls.first = min(window[0] for window in cls.windows)

    def ask(self, expression):
        """Whether an expression gives data in one of the times."""
        for first, last, step, interval in self.windows:
            query = dashboards.fill_in(expression, f"{interval}s", f"{max(int(last - first), 1)}s")
            answer = self.prometheus.get("query_range", query=query, start=first, end=last, step=step)
            if has_data(answer["result"]):
                return True
        return False

    def test_every_panel_and_annotation_has_data(self):
        empty = set()
        for name, dashboard in dashboards.all_dashboards():
            for title, expression in dashboards.expressions(dashboard):
                if not self.ask(expression):
                    empty.add((name, title))
        self.assertEqual(empty, set(RIGHTLY_EMPTY))

    def test_every_variable_has_values(self):
        for name, dashboard in dashboards.all_dashboards():
            for variable, selector, label in dashboards.variables(dashboard):
                with self.subTest(dashboard=name, variable=variable):
                    match = dashboards.fill_in(selector, "", "")
                    values = self.prometheus.get(f"label/{label}/values", **{"match[]": match, "start": self.first})
                    self.assertTrue(values)

    def test_every_metric_of_a_rule_has_series(self):
        rules = [rule for group in self.prometheus.get("rules")["groups"] for rule in group["rules"]]
        self.assertGreater(len(rules), 20)
        missing = set()
        for metric in set().union(*(dashboards.metrics(rule["query"]) for rule in rules)):
            if not self.prometheus.get("series", **{"match[]": metric, "start": self.first}):
                missing.add(metric)
        self.assertEqual(missing, set(WITHOUT_SERIES))

    def test_every_recording_rule_records(self):
        for group in self.prometheus.get("rules")["groups"]:
            for rule in group["rules"]:
                self.assertEqual(rule["health"], "ok", rule)
                if rule["type"] == "recording":
                    recorded = self.prometheus.get("series", **{"match[]": rule["name"]})
                    self.assertTrue(recorded, rule["name"])


if __name__ == "__main__":
    unittest.main()
