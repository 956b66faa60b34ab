// One host: its scores, what was found, and how much it exchanged with the outside.
local d = import '../lib/dashboard.libsonnet';
local detection = import '../lib/detection.libsonnet';
local p = import '../lib/panel.libsonnet';
local q = import '../lib/query.libsonnet';

local host = ['host=~"$host"'];
local volume(metric) = 'max by (host) (%s)' % q.series(metric, host);

local scoreStat(detector) =
  p.stat(
    'Highest %s score' % detection.names[detector],
    'Highest %s score of the host in the time that is shown.' % detection.names[detector],
    'score',
    p.instant('max(max_over_time(%s[$__range]))' % q.series('host_anomaly_score', host + ['detector="%s"' % detector])),
  );

local score(detector) =
  p.timeseries(
    'Score, %s' % detection.names[detector],
    'The %s score of the host: that of its worst channel. Dashed: the scores from which a host is of a severity.' % detection.names[detector],
    'score',
    [p.range('max by (host) (%s)' % q.series('host_anomaly_score', host + ['detector="%s"' % detector]), '{{host}}')]
    + [p.range(q.threshold(detector, severity), 'threshold: ' + severity) for severity in ['medium', 'high', 'critical']],
    fill=10,
    min=0,
  ) { fieldConfig+: { overrides: [p.thresholdLine('threshold: ' + s, s) for s in ['medium', 'high', 'critical']] } };

local bothWays(title, description, unit, out, back) =
  p.timeseries(
    title,
    description + ' Received below the axis.',
    unit,
    [p.range(volume(out), '{{host}} sent'), p.range(volume(back), '{{host}} received')],
    fill=20,
  ) { fieldConfig+: { overrides: [p.below('/ received$/')] } };

function(config)
  d.new(
    config,
    'host',
    'Host',
    'One host, or several: scores against the thresholds, findings, and what is exchanged with the outside. Hosts that score low have no series.',
    [
      d.even(4, [
        p.stat(
          'Gravest finding',
          'The highest severity of a finding at the host in the time that is shown.',
          'level',
          p.instant('max(max_over_time(%s[$__range]))' % q.series('host_finding_severity', host)),
          mappings=p.severityLevels,
        ),
        scoreStat('c2'),
        scoreStat('exfil'),
        p.stat('Most sent in five minutes', 'The most IP bytes that the host sent outside within five minutes, in the time that is shown.', 'bytes', p.instant('max(max_over_time(%s[$__range]))' % q.series('host_bytes_out', host))),
      ]),
      d.even(6, [
        p.stateTimeline(
          'Findings',
          'The severity of the gravest finding of each behaviour, while it stands.',
          'level',
          [p.range('max by (host, detector, behaviour) (%s)' % q.series('host_finding_severity', host), '{{host}} {{behaviour}}')],
          p.severityLevels,
        ),
      ]),
      d.even(8, [score('c2'), score('exfil')]),
      d.even(8, [
        bothWays('Bytes', 'IP bytes exchanged with the outside in the newest five minutes.', 'bytes', 'host_bytes_out', 'host_bytes_in'),
        bothWays('Packets', 'Packets exchanged with the outside in the newest five minutes.', 'count', 'host_packets_out', 'host_packets_in'),
      ]),
      d.even(8, [
        p.timeseries('Connections', 'Connections with the outside in the newest five minutes.', 'count', [p.range(volume('host_flows'), '{{host}}')], fill=10, min=0),
        p.timeseries('Peers', 'Peers outside that the host talked to in the newest five minutes.', 'count', [p.range(volume('host_peers'), '{{host}}')], fill=10, min=0),
      ]),
    ],
    variables=[d.hostVariable()],
    findingsOf=', host=~"$host"',
  )
