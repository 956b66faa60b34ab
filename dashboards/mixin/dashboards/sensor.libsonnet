// The sensor itself: does it see everything, does it keep up, is what it judges by still right?
local d = import '../lib/dashboard.libsonnet';
local p = import '../lib/panel.libsonnet';
local q = import '../lib/query.libsonnet';

local each(metric, extra=[]) = 'max by (instance) (%s)' % q.series(metric, extra);

function(config)
  local byDesign = 'reason!~"%s"' % std.join('|', config.byDesign);
  local captured = q.rate('capture_packets_total', ['instance']);
  local lost = '(%s or 0 * %s)' % [q.rate('capture_dropped_packets_total', ['instance'], [byDesign]), captured];
  local passes(share) = 'histogram_quantile(%s, sum by (instance, le) (rate(%s[$__rate_interval])))' % [share, q.series('scoring_duration_seconds_bucket')];

  d.new(
    config,
    'sensor',
    'Sensor health',
    'Whether the sensors capture all packets, score in time, have room, deliver findings, and judge by models that still fit.',
    [
      d.even(4, [
        p.stat('Version', 'Which versions of the program the sensors run.', 'level', p.instant('max by (version) (%s)' % q.series('build_info'), '{{version}}')) {
          options+: { textMode: 'name' },
        },
        p.stat(
          'Since the last scoring pass',
          'Time since the sensor judged last, by the time of its packets. After an import of a replay it is the age of the capture.',
          'seconds',
          p.instant('clamp_min(time() - %s, 0)' % each('last_scored_timestamp_seconds'), '{{instance}}'),
          [p.from(config.scoringStalledSeconds, 'red')],
        ),
        p.stat(
          'Late scoring passes',
          'Scoring passes that were due while the one before was still running, in the time that is shown: the sensor does not keep up.',
          'count',
          p.instant(q.total('scoring_late_total', ['instance']), '{{instance}}'),
          [p.from(1, 'orange')],
        ),
        p.stat(
          'Since the last checkpoint',
          'Age of the checkpoint: what was learned since is lost when the sensor ends without warning. A replay writes none.',
          'seconds',
          p.instant(each('checkpoint_age_seconds'), '{{instance}}'),
          [p.from(config.checkpointStaleSeconds, 'orange')],
        ),
        p.stat(
          'Interfaces',
          'Whether each interface is captured from. One that is gone is waited for. A replay has none.',
          'level',
          p.instant('max by (instance, interface) (%s)' % q.series('capture_interface_up'), '{{instance}} {{interface}}'),
          mappings=[{ type: 'value', options: { '0': { text: 'waited for', color: 'red' }, '1': { text: 'up', color: 'green' } } }],
        ),
        p.stat(
          'Configuration',
          'Whether the last reload of the configuration succeeded. A sensor whose reload failed goes on with what it had. A replay reloads nothing.',
          'level',
          p.instant(each('config_last_reload_successful'), '{{instance}}'),
          mappings=[{ type: 'value', options: { '0': { text: 'reload failed', color: 'red' }, '1': { text: 'good', color: 'green' } } }],
        ),
      ]),
      d.even(8, [
        p.timeseries('Packets', 'Packets a second that were captured.', 'packets', [p.range(captured, '{{instance}}')], fill=10, min=0),
        p.timeseries('Packets lost', 'Packets a second that were lost because the sensor was too slow. There should be none.', 'packets', [p.range(lost, '{{instance}}')], fill=10, min=0, atLeast=1),
        p.timeseries('Share of packets lost', 'Lost packets as a share of all. From %s on an alert is raised.' % config.lossRatio, 'share', [p.range('%s / (%s + %s > 0)' % [lost, lost, captured], '{{instance}}')], fill=10, min=0, atLeast=10 * config.lossRatio),
      ]),
      d.even(8, [
        p.timeseries('Packets not looked at', 'Packets that were not looked at, by reason. Most reasons are by design: ARP, a filter, frames without IP.', 'packets', [p.range(q.rate('capture_dropped_packets_total', ['reason']) + ' > 0', '{{reason}}')], min=0),
        p.timeseries('Decode errors', 'Packets that could not be decoded whole, by the layer that failed: cut short, malformed, or of an unknown kind.', 'packets', [p.range(q.rate('decode_errors_total', ['layer']), '{{layer}}')], min=0, atLeast=1),
        p.timeseries('Traffic', 'Bits a second on the wire, link layer included.', 'bits', [p.range('8 * ' + q.rate('capture_bytes_total', ['instance']), '{{instance}}')], fill=10, min=0),
      ]),
      d.even(8, [
        p.timeseries('Flow table', 'Share of the flow table that is in use. A full table ends connections early.', 'share', [p.range('%s / %s' % [each('flows_active'), each('flow_table_max_entries')], '{{instance}}')], fill=10, min=0, max=1),
        p.timeseries('Connections that ended', 'Connections that left the flow table a second, by reason. "evicted" means that the table was full.', 'events', [p.range(q.rate('flows_expired_total', ['reason']), '{{reason}}')], min=0),
        p.timeseries('State', 'Hosts, channels (host, peer, service) and open connections that are held in memory.', 'count', [
          p.range('sum(%s)' % q.series('hosts_tracked'), 'hosts'),
          p.range('sum(%s)' % q.series('channels_tracked'), 'channels'),
          p.range('sum(%s)' % q.series('flows_active'), 'open connections'),
        ], min=0),
        p.timeseries('No room for hosts and channels', 'Updates of hosts and channels a second that a full table refused, and hosts and channels that were forgotten to make room, by reason. New hosts that are refused are not watched.', 'events', [p.range(q.rate('state_overflows_total', ['reason']), '{{reason}}')], min=0, atLeast=1),
      ]),
      d.even(8, [
        p.timeseries('Time of a scoring pass', 'Median and 99th percentile of the time that a scoring pass takes. It should stay far below the time between two passes. A replay does not measure it.', 'seconds', [p.range(passes('0.5'), '{{instance}} median'), p.range(passes('0.99'), '{{instance}} 99 %')], min=0),
        p.timeseries('Hosts with series', 'Hosts of each detector that have series of their own. Dashed: how many can have, at most.', 'count', [
          p.range('count by (detector) (%s)' % q.series('host_anomaly_score'), '{{detector}}'),
          p.range('max(%s)' % q.series('topk_limit_hosts'), 'limit'),
        ], min=0) { fieldConfig+: { overrides: [p.thresholdLine('limit', 'high')] } },
        p.timeseries('Hosts that lost their series', 'Hosts that lost their series a second, by reason. Many that are displaced mean that more hosts are suspicious than have room.', 'events', [p.range(q.rate('topk_evictions_total', ['reason']), '{{reason}}')], min=0, atLeast=1),
      ]),
      d.even(8, [
        p.timeseries('Drift of the models', 'How far the scores are from the benign ones that the model was calibrated with: 0 is no drift, 1 the most. Where it stays over %s, train on your own traffic.' % config.driftRatio, 'share', [p.range('max by (detector) (%s)' % q.series('model_score_drift_ratio'), '{{detector}}')], min=0, max=1),
        p.stat('Age of the models', 'Time since the models were trained.', 'seconds', p.instant('clamp_min(time() - max by (detector) (%s), 0)' % q.series('model_trained_timestamp_seconds'), '{{detector}}'), [p.from(config.modelStaleDays * 86400, 'orange')]),
        p.table(
          'Models',
          'The models that judge, as each sensor has loaded them.',
          'level',
          [p.rows('max by (instance, detector, name, version, sha256) (%s)' % q.series('model_info'))],
          [['instance', 'Sensor'], ['detector', 'Detector'], ['name', 'Name'], ['version', 'Version'], ['sha256', 'SHA-256']],
        ) { transformations: [t { options+: { [if t.id == 'organize' then 'excludeByName']+: { Value: true } } } for t in super.transformations] },
      ]),
      d.even(8, [
        p.timeseries('Findings that wait or are lost', 'Findings that wait to be written or sent, and findings lost between two points because too many waited, by sink. Both should be zero. A replay has no sinks.', 'count', [
          p.range('sum by (sink) (%s)' % q.series('findings_waiting'), '{{sink}} wait'),
          p.range(q.increase('findings_lost_total', ['sink']), '{{sink}} lost'),
        ], min=0, atLeast=1),
        p.timeseries('Memory', 'Resident memory of the sensor. Its tables are bounded: it levels off.', 'bytes', [p.range(q.ofSensors('max by (instance) (%s)' % q.process('resident_memory_bytes')), '{{instance}}')], fill=10, min=0),
        p.timeseries('Processors', 'Processors that the sensor keeps busy.', 'count', [p.range(q.ofSensors('sum by (instance) (rate(%s[$__rate_interval]))' % q.process('cpu_seconds_total')), '{{instance}}')], fill=10, min=0),
      ]),
    ],
  )
