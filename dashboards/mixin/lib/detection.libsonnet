// Panels that several dashboards have, of one detector or both.
local p = import 'panel.libsonnet';
local q = import 'query.libsonnet';

local of(detector) = ['detector="%s"' % detector];
local severities = ['low', 'medium', 'high', 'critical'];

{
  // The detectors as people call them.
  names:: { c2: 'C2', exfil: 'exfiltration' },

  hostLink:: {
    title: 'Host ${__data.fields.Host}',
    url: '/d/undercurrent-host?var-host=${__data.fields.Host}&${datasource:queryparam}&${job:queryparam}&${instance:queryparam}&${__url_time_range}',
  },

  scores(detector)::
    p.timeseries(
      'Highest %s scores' % $.names[detector],
      'Scores of the ten hosts with the highest %s score in this time. Dashed: the scores from which a host is of a severity, as the sensor exports them. A host over "high" is suspected if its evidence bears it.' % $.names[detector],
      'score',
      [p.range(q.topHosts('host_anomaly_score', of(detector)), '{{host}}')]
      + [p.range(q.threshold(detector, severity), 'threshold: ' + severity) for severity in ['medium', 'high', 'critical']],
      min=0,
    ) {
      fieldConfig+: { overrides: [p.thresholdLine('threshold: ' + s, s) for s in ['medium', 'high', 'critical']] },
    },

  overThreshold(detector)::
    p.timeseries(
      'Hosts over the %s thresholds' % $.names[detector],
      'Hosts whose %s score is at or over the threshold of each severity. All monitored hosts are counted, also those that have no series of their own. A host over "high" is over "low" as well.' % $.names[detector],
      'count',
      [p.range('sum by (severity) (%s)' % q.series('hosts_over_threshold', of(detector)), '{{severity}}')],
      min=0,
    ) { fieldConfig+: { overrides: [p.colorLine(s, s) for s in severities] } },

  distribution(detector)::
    p.heatmap(
      'Scores of all hosts, %s' % $.names[detector],
      'How the %s scores of all monitored hosts are spread over time: one observation a host and scoring pass. What is usual is the dark band; what rises out of it is worth a look.' % $.names[detector],
      'score',
      [p.buckets('sum by (le) (increase(%s[$__rate_interval]))' % q.series('score_bucket', of(detector)))],
    ),

  quantiles(detector)::
    local quantile(share) =
      'histogram_quantile(%s, sum by (le) (rate(%s[$__rate_interval])))' % [share, q.series('score_bucket', of(detector))];
    p.timeseries(
      'Usual %s scores' % $.names[detector],
      'Median, 90th and 99th percentile of the %s scores of all monitored hosts. When the median moves, the network has changed, or the model does not fit it.' % $.names[detector],
      'score',
      [p.range(quantile(s[0]), s[1]) for s in [['0.5', 'median'], ['0.9', '90 %'], ['0.99', '99 %']]],
      min=0,
    ),

  findingsMade(detector)::
    p.timeseries(
      'New findings, %s' % $.names[detector],
      'Findings that the sensor made, by behaviour, of severity medium or above. A finding counts once, and once more when its severity or behaviour changes.',
      'count',
      [p.range('round(%s) > 0' % q.increase('findings_total', ['behaviour'], of(detector) + ['severity!="low"']), '{{behaviour}}')],
      stack=true,
      bars=true,
      min=0,
      atLeast=3,
    ),

  findingsBySeverity(detector)::
    p.bargauge(
      'Findings in this time, by behaviour',
      'Findings of the %s detector in the time that is shown, of all severities, by behaviour.' % $.names[detector],
      'count',
      p.instant('round(%s)' % q.total('findings_total', ['behaviour'], of(detector)), '{{behaviour}}'),
    ),

  // Hosts with findings in the time that is shown. `extra`: matchers of the findings.
  suspects(title, description, extra=[])::
    local level = 'max by (host, detector, behaviour) (max_over_time(%s[$__range]))' % q.series('host_finding_severity', extra);
    local score = 'max by (host, detector) (max_over_time(%s[$__range]))' % q.series('host_anomaly_score', [m for m in extra if std.startsWith(m, 'detector')]);
    p.table(
      title,
      description,
      'count',
      [
        p.rows(level),
        p.rows('0 * %s + on (host, detector) group_left () %s' % [level, score]),
      ],
      [['host', 'Host'], ['detector', 'Detector'], ['behaviour', 'Behaviour'], ['Value #A', 'Severity'], ['Value #B', 'Highest score']],
      sortBy='Severity',
    ) {
      fieldConfig+: {
        overrides: [
          p.column('Host', { links: [$.hostLink] }),
          p.column('Severity', { mappings: p.severityLevels, 'custom.cellOptions': { type: 'color-text' } }),
          p.column('Highest score', { unit: 'short', decimals: 2 }),
        ],
      },
    },
}
