// Covert channels: who beacons, tunnels, or is held by the other end.
local d = import '../lib/dashboard.libsonnet';
local detection = import '../lib/detection.libsonnet';
local p = import '../lib/panel.libsonnet';
local q = import '../lib/query.libsonnet';

local c2 = ['detector="c2"'];

function(config)
  d.new(
    config,
    'c2',
    'C2',
    'Channels of command and control that live long: beacons, connections held open, tunnels, sessions that the other end drives.',
    [
      d.row(9, [
        d.wide(detection.scores('c2'), 16),
        d.wide(detection.overThreshold('c2'), 8),
      ]),
      d.row(9, [
        d.wide(detection.suspects('Hosts with C2 findings', 'The gravest C2 finding of each behaviour at each host that has series of its own, and the highest C2 score of the host, in the time that is shown.', c2), 16),
        d.wide(detection.findingsBySeverity('c2'), 8),
      ]),
      d.even(8, [
        detection.findingsMade('c2'),
        p.timeseries(
          'Connections of the highest scored hosts',
          'Connections with the outside in the newest five minutes, of the ten hosts with the highest C2 score in this time. A beacon adds few; a host that is driven from outside adds none while its session is open.',
          'count',
          [p.range('max by (host) (%s) and on (host) %s' % [q.series('host_flows'), q.topHosts('host_anomaly_score', c2)], '{{host}}')],
          min=0,
        ),
      ]),
      d.even(9, [detection.distribution('c2'), detection.quantiles('c2')]),
    ],
    findingsOf=', detector="c2"',
  )
