"""Alerts on their whole way: metrics of replayed scenarios, a real Prometheus, a real Alertmanager, a webhook. Hosts of incidents are told
of, and nothing else is."""

import pathlib
import re
import tempfile
import unittest

import history
import servers

# Scenarios with the host that is to be told of, by alert.
INCIDENTS = {
    "office_day_incident": {("HostC2Suspected", "10.20.30.17")},
    "https_bulk_upload": {("HostExfilSuspected", "10.70.2.44")},
    "staged_upload": {("HostExfilSuspected", "10.80.0.61"), ("AssetStagedUpload", "10.80.0.61")},
}
BENIGN = ["benign_browsing", "benign_backup", "vendor_beacons_benign"]
# Seconds into which the hours of a scenario are pressed.
LENGTH_S = 20


def quick_rules(folder):
    """The rules with seconds where they wait for minutes. Hours they wait all the same: models are not what is tested here."""
    for name in ["recording.yaml", "alerts.yaml"]:
        rules = (servers.RULES / name).read_text(encoding="utf-8")
        (folder / name).write_text(re.sub(r' for: "\d+m"', ' for: "1s"', rules), encoding="utf-8")
    return folder


@unittest.skipUnless(
    servers.PROMETHEUS and servers.ALERTMANAGER, "skipped: prometheus or its alertmanager is not installed"
)
class Alerts(unittest.TestCase):
    def test_incidents_reach_the_webhook_and_benign_traffic_does_not(self):
        program = servers.undercurrent()
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        players = {}
        for scenario in [*INCIDENTS, *BENIGN]:
            path = folder / f"{scenario}.om"
            history.write(program, scenario, path)
            players[scenario] = self.enterContext(history.Player(path, LENGTH_S))
        webhook = self.enterContext(servers.Webhook())
        alertmanager = self.enterContext(servers.Alertmanager(webhook))
        targets = {scenario: player.address for scenario, player in players.items()}
        prometheus = self.enterContext(servers.Prometheus(targets, quick_rules(folder), alertmanager))

        expected = {
            (scenario, alert, host) for scenario, alerts in INCIDENTS.items() for alert, host in alerts
        }
        servers.until(lambda: webhook.told("instance", "alertname", "host") >= expected, "the alerts")
        servers.until(lambda: all(player.played for player in players.values()), "the end of the scenarios")
        # What the last points bring about has time to come: a scrape, an evaluation and the waits of the alerts.
        scrapes = prometheus.scrapes(BENIGN[0])
        servers.until(lambda: prometheus.scrapes(BENIGN[0]) >= scrapes + 5, "the last scrapes")
        self.assertEqual(webhook.told("instance", "alertname", "host"), expected)
        for alert in webhook.of_the_sensors():
            self.assertIn(alert["labels"]["host"], alert["annotations"]["summary"])
            self.assertTrue(alert["annotations"]["runbook_url"].endswith(f"/{alert['labels']['alertname']}.md"))


if __name__ == "__main__":
    unittest.main()
