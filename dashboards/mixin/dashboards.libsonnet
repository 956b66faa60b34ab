{
  local config = $._config,
  grafanaDashboards+:: {
    'overview.json': (import 'dashboards/overview.libsonnet')(config),
    'sensor.json': (import 'dashboards/sensor.libsonnet')(config),
    'host.json': (import 'dashboards/host.libsonnet')(config),
    'c2.json': (import 'dashboards/c2.libsonnet')(config),
    'exfiltration.json': (import 'dashboards/exfiltration.libsonnet')(config),
  },
}
