"""Every expression of every dashboard and rule, run against a real Prometheus with an incident of each kind from replays, and with a
sensor that is scraped now. Each must give data, or stand in the list below with the reason why not."""

import math
import pathlib
import tempfile
import time
import unittest

import dashboards
import history
import live
import servers

# One incident of each kind.
INCIDENTS = ["office_day_incident", "staged_upload"]

# What the sensor sees: an incident at any speed.
ON_THE_WIRE = "iodine_tunnel"
# Seconds for which the sensor is looked at: several scoring passes and checkpoints.
LIVE_S = 30

LIVE_ONLY = "only a live sensor has it, and where none can be started the metrics of a replay stand for it"
# Panels that are rightly empty without a sensor: (file, title) and the reason. With one, none is.
EMPTY_WITHOUT_SENSOR = {
    ("sensor.json", "Late scoring passes"): LIVE_ONLY,
    ("sensor.json", "Since the last checkpoint"): LIVE_ONLY,
    ("sensor.json", "Interfaces"): LIVE_ONLY,
    ("sensor.json", "Configuration"): LIVE_ONLY,
    ("sensor.json", "Time of a scoring pass"): LIVE_ONLY,
    ("sensor.json", "Findings that wait or are lost"): LIVE_ONLY,
    ("sensor.json", "Memory"): LIVE_ONLY,
    ("sensor.json", "Processors"): LIVE_ONLY,
}
# Metrics in rules that have no series without a sensor.
NO_SERIES_WITHOUT_SENSOR = {
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
        cls.has_sensor = live.missing() is None
        start = cls.start_sensor if cls.has_sensor else cls.start_player
        target, begin = start(program, histories[INCIDENTS[0]])
        prometheus = servers.Prometheus({"sensor": target.address})
        for path in histories.values():
            prometheus.load(path)
        cls.prometheus = cls.enterClassContext(prometheus)
        # Counters are seen to rise: from a scrape before to scrapes after.
        servers.until(lambda: prometheus.scrapes("sensor") > 2, "the first scrapes")
        begin()
        servers.until(lambda: prometheus.scrapes("sensor") > LIVE_S, "the target to be scraped")
        # (first, last, step, rate interval) in seconds of each time that is looked at.
        times = [[at for at, _ in history.points(path)] for path in histories.values()]
        now = time.time()
        cls.windows = [(at[0], at[-1], 60, 240) for at in times] + [(now - LIVE_S, now, 1, LIVE_S // 2)]
        cls.first = min(window[0] for window in cls.windows)

    @classmethod
    def start_sensor(cls, program, _):
        """A sensor, and what lets it see something."""
        cls.enterClassContext(live.own_network())
        near, far = live.add_link(0)
        sensor = cls.enterClassContext(live.Sensor(program, far))
        return sensor, lambda: live.send(ON_THE_WIRE, near)

    @classmethod
    def start_player(cls, _, path):
        """The metrics of a replay, which begin by themselves."""
        print(f"without a live sensor: {live.missing()}")
        return cls.enterClassContext(history.Player(path, length_s=LIVE_S / 2)), lambda: None

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
        self.assertEqual(empty, set() if self.has_sensor else set(EMPTY_WITHOUT_SENSOR))

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
        self.assertEqual(missing, set() if self.has_sensor else set(NO_SERIES_WITHOUT_SENSOR))

    def test_every_recording_rule_records(self):
        for group in self.prometheus.get("rules")["groups"]:
            for rule in group["rules"]:
                self.assertEqual(rule["health"], "ok", rule)
                if rule["type"] == "recording":
                    recorded = self.prometheus.get("series", **{"match[]": rule["name"]})
                    self.assertTrue(recorded, rule["name"])


if __name__ == "__main__":
    unittest.main()
