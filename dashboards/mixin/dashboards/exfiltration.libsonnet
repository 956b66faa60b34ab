// Data that leaves: in bulk, drop by drop, or staged inside first.
local d = import '../lib/dashboard.libsonnet';
local detection = import '../lib/detection.libsonnet';
local p = import '../lib/panel.libsonnet';
local q = import '../lib/query.libsonnet';

local exfil = ['detector="exfil"'];

function(config)
  d.new(
    config,
    'exfiltration',
    'Exfiltration',
    'Data that leaves the network: in bulk, a little at a time for long, or pulled together inside and then sent out.',
    [
      d.row(9, [
        d.wide(detection.scores('exfil'), 16),
        d.wide(detection.overThreshold('exfil'), 8),
      ]),
      d.row(9, [
        d.wide(detection.suspects('Hosts with exfiltration findings', 'The gravest exfiltration finding of each behaviour at each host that has series of its own, and the highest exfiltration score of the host, in the time that is shown.', exfil), 16),
        d.wide(detection.findingsBySeverity('exfil'), 8),
      ]),
      d.even(9, [
        p.timeseries(
          'Bytes sent outside',
          'IP bytes sent outside in the newest five minutes by the ten hosts that sent most in this time, of those that have series of their own.',
          'bytes',
          [p.range(q.topHosts('host_bytes_out'), '{{host}}')],
          min=0,
        ),
        p.timeseries(
          'Share sent, of what is exchanged',
          'Bytes sent outside as a share of all bytes exchanged with the outside in the newest five minutes, of the ten hosts that sent most in this time. Clients stay far below half; uploads come close to 100 %.',
          'share',
          [p.range(
            '%(out)s / on (host) (%(out)s + on (host) max by (host) (%(back)s) > 0)'
            % { out: '(%s)' % q.topHosts('host_bytes_out'), back: q.series('host_bytes_in') },
            '{{host}}',
          )],
          min=0,
          max=1,
        ),
      ]),
      d.even(8, [
        detection.findingsMade('exfil'),
        p.timeseries(
          'Peers of the hosts that send most',
          'Peers outside that the ten hosts which sent most in this time talked to in the newest five minutes. Much data to few peers is what an upload looks like.',
          'count',
          [p.range('max by (host) (%s) and on (host) %s' % [q.series('host_peers'), q.topHosts('host_bytes_out')], '{{host}}')],
          min=0,
        ),
      ]),
      d.even(9, [detection.distribution('exfil'), detection.quantiles('exfil')]),
    ],
    findingsOf=', detector="exfil"',
  )
