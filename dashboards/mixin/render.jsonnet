// Every output file of the mixin, by its path below dashboards/: `jsonnet -S -m dashboards dashboards/mixin/render.jsonnet`.
local mixin = import 'mixin.libsonnet';
local yaml(value) =
  '# Made from dashboards/mixin by `make dashboards`; do not edit.\n'
  + std.manifestYamlDoc(value, indent_array_in_object=true, quote_keys=false) + '\n';

{
  ['grafana/' + name]: std.manifestJsonEx(mixin.grafanaDashboards[name], '  ') + '\n'
  for name in std.objectFields(mixin.grafanaDashboards)
}
+ {
  'prometheus/alerts.yaml': yaml(mixin.prometheusAlerts),
  'prometheus/recording.yaml': yaml(mixin.prometheusRules),
}
