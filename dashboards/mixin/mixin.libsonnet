// The mixin: `grafanaDashboards`, `prometheusAlerts` and `prometheusRules`, as monitoring mixins have them.
(import 'config.libsonnet')
+ (import 'alerts.libsonnet')
+ (import 'rules.libsonnet')
+ (import 'dashboards.libsonnet')
