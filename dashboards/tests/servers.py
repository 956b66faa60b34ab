"""Real servers for the tests: Prometheus, Alertmanager, and small HTTP servers that stand for a sensor and for who is told."""

import http.server
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
RULES = ROOT / "dashboards" / "prometheus"

# How long anything may take to come about before a test fails.
PATIENCE_S = 180


def tool(*names):
    """The path of the first of these programs that is installed; nothing where none is."""
    path = os.pathsep.join([str(TARGET / "tools"), os.environ.get("PATH", "")])
    return next(filter(None, (shutil.which(name, path=path) for name in names)), None)


PROMETHEUS = tool("prometheus")
PROMTOOL = tool("promtool")
ALERTMANAGER = tool("alertmanager", "prometheus-alertmanager")


def undercurrent():
    """The path of the program, built if need be."""
    subprocess.run(["cargo", "build", "--quiet", "--locked"], cwd=ROOT, check=True)
    return TARGET / "debug" / "undercurrent"


def capture(scenario):
    return ROOT / "captures" / scenario / "capture.pcap.zst"


def until(condition, what, patience_s=PATIENCE_S):
    """Waits until the condition holds, and gives what it gives."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"gave up waiting for {what}")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Process:
    """A server of its own folder, stopped at the end of the `with`."""

    def __init__(self, name, ready):
        self.name = name
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"undercurrent-{name}-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._ready = ready
        self._process = None

    def command(self):
        raise NotImplementedError

    def __enter__(self):
        self._log = open(self.folder / "log", "w", encoding="utf-8")
        self._start()
        return self

    def _start(self):
        self._process = subprocess.Popen(self.command(), stdout=self._log, stderr=subprocess.STDOUT)
        until(self._is_ready, f"{self.name} to be ready")

    @property
    def pid(self):
        """The process."""
        return self._process.pid

    def kill_and_start(self):
        """Kills it without a warning, and starts it anew."""
        self._process.kill()
        self._process.wait()
        self._start()

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()
        self._log.close()
        shutil.rmtree(self.folder)

    def _is_ready(self):
        if self._process.poll() is not None:
            raise AssertionError(f"{self.name} ended:\n{(self.folder / 'log').read_text(encoding='utf-8')}")
        try:
            with urllib.request.urlopen(self.url + self._ready) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError):
            return False


class Prometheus(Process):
    """Scrapes targets of a job `undercurrent` by the names of their instances, every second, and evaluates the rules as often."""

    def __init__(self, targets, rules=RULES, alertmanager=None):
        super().__init__("prometheus", "/-/ready")
        self.data = self.folder / "data"
        scrapes = [
            {"targets": [address], "labels": {"instance": instance}} for instance, address in targets.items()
        ]
        # JSON is YAML.
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules / "recording.yaml"), str(rules / "alerts.yaml")],
            "scrape_configs": [{"job_name": "undercurrent", "static_configs": scrapes}],
        }
        if alertmanager:
            address = f"127.0.0.1:{alertmanager.port}"
            config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [address]}]}]}
        (self.folder / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")

    def command(self):
        return [
            PROMETHEUS,
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.data}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]

    def load(self, history):
        """Takes the metrics history of a replay. Before the server is started."""
        arguments = ["tsdb", "create-blocks-from", "openmetrics", str(history), str(self.data)]
        subprocess.run([PROMTOOL, *arguments], check=True, stdout=subprocess.DEVNULL)

    def get(self, path, **parameters):
        """The data of an answer of the API."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
        try:
            with urllib.request.urlopen(url) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error

    def scrapes(self, instance):
        """How often an instance was scraped."""
        found = self.get("query", query=f'count_over_time(up{{instance="{instance}"}}[1h])')["result"]
        return int(found[0]["value"][1]) if found else 0


class Alertmanager(Process):
    """The example configuration, with a receiver of the test's and without its long waits."""

    def __init__(self, webhook):
        super().__init__("alertmanager", "/-/ready")
        config = (RULES / "alertmanager.example.yaml").read_text(encoding="utf-8")
        for shipped, used in [
            ("http://localhost:8080/alerts", webhook.url),
            ("group_wait: 30s", "group_wait: 1s"),
            ("group_wait: 5s", "group_wait: 1s"),
        ]:
            assert shipped in config, shipped
            config = config.replace(shipped, used)
        (self.folder / "alertmanager.yml").write_text(config, encoding="utf-8")

    def command(self):
        return [
            ALERTMANAGER,
            f"--config.file={self.folder / 'alertmanager.yml'}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
        ]


class HttpServer:
    """A handler on a port of its own, in a thread."""

    def __init__(self, handle):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self._answer(b"")

            def do_POST(self):
                self._answer(self.rfile.read(int(self.headers["Content-Length"])))

            def _answer(self, body):
                answer = handle(body).encode()
                try:
                    self._send(answer)
                except ConnectionError:
                    # Who asked has been stopped.
                    pass

            def _send(self, answer):
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.address}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


# What may fire for no fault of a sensor where rules wait for a second and the machine stands still for some.
STANDSTILL = {"CaptureDropping", "CheckpointStale", "ScoringStalled", "SensorDown"}


class Webhook(HttpServer):
    """Who is told of alerts: remembers each that fires."""

    def __init__(self):
        self.alerts = []
        super().__init__(self._take)

    def _take(self, body):
        self.alerts.extend(alert for alert in json.loads(body)["alerts"] if alert["status"] == "firing")
        return ""

    def told(self, *labels):
        """The values of these labels of all alerts that it was told of, less those of a machine that stood still; nothing where an alert has no such
        label."""
        return {tuple(alert["labels"].get(label) for label in labels) for alert in self.of_the_sensors()}

    def of_the_sensors(self):
        """The alerts that are not of a machine that stood still: to rules that wait for a second it looks as if the sensor did."""
        return [alert for alert in list(self.alerts) if alert["labels"]["alertname"] not in STANDSTILL]
