"""The live sensor on the whole way: captures are sent to its interface, a real Prometheus scrapes it, and a real Alertmanager tells a
webhook of the hosts of the incidents, and of nothing else."""

import pathlib
import tempfile
import unittest

import live
import servers
from test_alerts import quick_rules

# Scenarios that are incidents at any speed, with the alerts and hosts that are to be told of.
INCIDENTS = {
    "iodine_tunnel": {("HostC2Suspected", "10.60.3.14")},
    "https_bulk_upload": {("HostExfilSuspected", "10.70.2.44")},
}
BENIGN = ["benign_browsing"]


@unittest.skipUnless(
    servers.PROMETHEUS and servers.ALERTMANAGER, "skipped: prometheus or its alertmanager is not installed"
)
@unittest.skipIf(live.missing(), f"skipped: {live.missing()}")
class LiveSensor(unittest.TestCase):
    def test_incidents_on_the_wire_reach_the_webhook_and_benign_traffic_does_not(self):
        program = servers.undercurrent()
        self.enterContext(live.own_network())
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        webhook = self.enterContext(servers.Webhook())
        alertmanager = self.enterContext(servers.Alertmanager(webhook))
        sensors, links = {}, {}
        for number, scenario in enumerate([*INCIDENTS, *BENIGN]):
            links[scenario], interface = live.add_link(number)
            sensors[scenario] = self.enterContext(live.Sensor(program, interface))
        targets = {scenario: sensor.address for scenario, sensor in sensors.items()}
        prometheus = self.enterContext(servers.Prometheus(targets, quick_rules(folder), alertmanager))

        sent = {scenario: live.send(scenario, link) for scenario, link in links.items()}
        expected = {
            (scenario, alert, host) for scenario, alerts in INCIDENTS.items() for alert, host in alerts
        }
        servers.until(lambda: webhook.told("instance", "alertname", "host") >= expected, "the alerts")
        for scenario in sensors:
            servers.until(lambda name=scenario: self.has_seen(prometheus, name, sent[name]), "all frames")
        # What the benign frames bring about has time to come: some scoring passes, five seconds each.
        scrapes = prometheus.scrapes(BENIGN[0])
        servers.until(lambda: prometheus.scrapes(BENIGN[0]) >= scrapes + 15, "the last scrapes")
        self.assertEqual(webhook.told("instance", "alertname", "host"), expected)

    @staticmethod
    def has_seen(prometheus, scenario, frames):
        """Whether a sensor has counted these frames, captured or lost."""
        parts = [
            f'undercurrent_capture_packets_total{{instance="{scenario}"}}',
            f'sum by (instance) (undercurrent_capture_dropped_packets_total{{instance="{scenario}", reason=~"ring|shed"}})',
        ]
        values = [prometheus.get("query", query=part)["result"] for part in parts]
        return sum(float(series["value"][1]) for series in sum(values, [])) >= frames


if __name__ == "__main__":
    unittest.main()
