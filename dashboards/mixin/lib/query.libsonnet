// PromQL of the dashboards. Every selector has the job and instance that are chosen above.
{
  local matchers(extra) = std.join(', ', ['job=~"$job"', 'instance=~"$instance"'] + extra),

  // The series of a metric, e.g. `series('flows_active')`, with further matchers if need be.
  series(metric, extra=[]):: 'undercurrent_%s{%s}' % [metric, matchers(extra)],

  // The series of a metric that every exporter has.
  process(metric):: 'process_%s{%s}' % [metric, matchers([])],
  // Leaves the sensors only, of series by instance.
  ofSensors(expr):: '%s and on (instance) max by (instance) (%s)' % [expr, $.series('build_info')],

  // A counter's events a second, summed by labels.
  rate(metric, by=[], extra=[]):: 'sum by (%s) (rate(%s[$__rate_interval]))' % [std.join(', ', by), $.series(metric, extra)],

  // A counter's events between two points of a chart, summed by labels.
  increase(metric, by=[], extra=[]):: 'sum by (%s) (increase(%s[$__rate_interval]))' % [std.join(', ', by), $.series(metric, extra)],

  // A counter's events in the whole time that is shown, summed by labels.
  total(metric, by=[], extra=[]):: 'sum by (%s) (increase(%s[$__range]))' % [std.join(', ', by), $.series(metric, extra)],

  // The least score of a severity, where sensors differ.
  threshold(detector, severity):: 'min by (severity) (%s)' % $.series('score_threshold', ['detector="%s"' % detector, 'severity="%s"' % severity]),

  // The hosts that have the highest values in the time that is shown, the same ones at all points of it.
  topHosts(metric, extra=[], count=10)::
    local series = $.series(metric, extra);
    'max by (host) (%(series)s) and topk(%(count)d, max by (host) (max_over_time(%(series)s[$__range] @ end())))'
    % { series: series, count: count },
}
