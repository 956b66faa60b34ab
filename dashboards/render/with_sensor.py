"""Runs a command with the addresses of the pages of a live sensor as its last arguments: with_sensor.py COMMAND...

The sensor has seen a DNS tunnel and an upload beside benign traffic, so that there is something on its pages. Where no sensor can be started, the command
runs without.
"""

import json
import pathlib
import subprocess
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))

import live  # noqa: E402
import servers  # noqa: E402


SENT = ["benign_browsing", "iodine_tunnel", "https_bulk_upload"]


def findings(sensor):
    """Those of the sensor, once both detectors have made one."""
    with urllib.request.urlopen(f"{sensor.url}/api/v1/findings") as answer:
        found = json.load(answer)
    return found if {finding["kind"] for finding in found} == {"c2", "exfil"} else None


def main(command):
    if live.missing():
        print(f"the pages of the sensor are skipped: {live.missing()}")
        return subprocess.run(command, check=False).returncode
    program = servers.undercurrent()
    with live.own_network():
        near, far = live.add_link(0)
        with live.Sensor(program, far) as sensor:
            for scenario in SENT:
                live.send(scenario, near)
            found = servers.until(lambda: findings(sensor), "a finding of each kind")
            pages = [f"{sensor.url}/", f"{sensor.url}/hosts/{found[0]['host']}"]
            return subprocess.run([*command, *pages], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
