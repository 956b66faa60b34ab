"""What the dashboards ask for."""

import json
import re

from servers import ROOT

GRAFANA = ROOT / "dashboards" / "grafana"
METRIC = re.compile(r"\b(?:[a-z_]+:)?undercurrent_[a-z0-9_]+(?::[a-z0-9_]+)?")


def all_dashboards():
    """(file name, dashboard) of each."""
    return [(path.name, json.loads(path.read_text(encoding="utf-8"))) for path in sorted(GRAFANA.glob("*.json"))]


def expressions(dashboard):
    """(title of the panel or annotation, expression) of each query."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield f"annotation {annotation['name']}", annotation["expr"]


def variables(dashboard):
    """(name, selector, label) of each variable that is asked of Prometheus."""
    for variable in dashboard["templating"]["list"]:
        match = re.fullmatch(r"label_values\((.*), (\w+)\)", variable.get("definition", ""))
        if match:
            yield variable["name"], match[1], match[2]


def fill_in(expression, rate_interval, whole_range):
    """The expression with everything chosen, as Grafana would send it."""
    values = {"__rate_interval": rate_interval, "__range": whole_range, "job": ".*", "instance": ".*", "host": ".*"}
    filled = re.sub(r"\$(\w+)", lambda match: values[match[1]], expression)
    assert "$" not in filled, filled
    return filled


def metrics(expression):
    """Names of the metrics and recorded series in an expression."""
    return set(METRIC.findall(expression))
