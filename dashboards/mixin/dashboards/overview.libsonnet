// What is going on: for whoever opens Grafana in the morning.
local d = import '../lib/dashboard.libsonnet';
local detection = import '../lib/detection.libsonnet';
local p = import '../lib/panel.libsonnet';
local q = import '../lib/query.libsonnet';

local over(detector, title) =
  p.stat(
    title,
    'Hosts whose %s score is at or over the threshold of "high" now. Whether an alert is raised also depends on the evidence: see the table below.' % detection.names[detector],
    'count',
    p.instant('sum(%s)' % q.series('hosts_over_threshold', ['detector="%s"' % detector, 'severity="high"'])),
    [p.from(1, 'orange')],
  );

function(config)
  local byDesign = 'reason!~"%s"' % std.join('|', config.byDesign);
  local lost = q.rate('capture_dropped_packets_total', extra=[byDesign]);
  local captured = q.rate('capture_packets_total');

  d.new(
    config,
    'overview',
    'Overview',
    'Which hosts talk to someone they should not, which send data out, and whether the sensors see what they should.',
    [
      d.even(4, [
        p.stat('Sensors', 'Sensors that answer when Prometheus asks them.', 'count', p.instant('count(%s)' % q.series('build_info'))),
        p.stat('Hosts watched', 'Monitored hosts that the sensors know.', 'count', p.instant('sum(%s)' % q.series('hosts_tracked'))),
        over('c2', 'Hosts over C2 threshold'),
        over('exfil', 'Hosts over exfil threshold'),
        p.stat(
          'New findings',
          'Findings of severity medium or above that were made in the time that is shown.',
          'count',
          p.instant(q.total('findings_total', extra=['severity!="low"'])) { expr: 'round(%s)' % super.expr },
        ),
        p.stat(
          'Packets lost',
          'Share of the packets that the sensors lost because they were too slow. What is left out by design, such as ARP, is not lost.',
          'share',
          p.instant('(%s or vector(0)) / ((%s or vector(0)) + %s > 0)' % [lost, lost, captured]),
          [p.from(config.lossRatio, 'orange'), p.from(10 * config.lossRatio, 'red')],
        ),
      ]),
      d.even(9, [
        detection.suspects(
          'Hosts with findings',
          'The gravest finding of each behaviour at each host that has series of its own, and the highest score of the host, in the time that is shown. Follow a host to its dashboard; what it talked to is on the page of the sensor, since no metric names a peer.',
        ),
      ]),
      d.even(9, [detection.scores('c2'), detection.scores('exfil')]),
      d.even(8, [detection.findingsMade('c2'), detection.findingsMade('exfil')]),
      d.even(8, [
        p.timeseries('Packets', 'Packets a second that the sensors captured.', 'packets', [p.range(q.rate('capture_packets_total', ['instance']), '{{instance}}')], fill=10, min=0),
        p.timeseries('Traffic', 'Bits a second on the wire that the sensors captured, link layer included.', 'bits', [p.range('8 * ' + q.rate('capture_bytes_total', ['instance']), '{{instance}}')], fill=10, min=0),
      ]),
    ],
  )
