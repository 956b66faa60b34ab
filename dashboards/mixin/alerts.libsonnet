// Alerts. Each has its page in docs/runbooks, and tests for firing and for silence in prometheus/tests.
{
  local config = $._config,

  local alert(name, severity, expr, summary, description, duration=null, stays=null) = {
    alert: name,
    expr: expr,
    [if duration != null then 'for']: duration,
    [if stays != null then 'keep_firing_for']: stays,
    labels: { severity: severity },
    annotations: {
      summary: summary,
      description: description,
      runbook_url: config.runbookUrl % name,
    },
  },

  // A suspected host: one alert, of a severity that follows from the finding's. The behaviours of a host are one alert.
  local suspected(name, selector, severity, comparison, summary, description) =
    alert(
      name,
      severity,
      |||
        max by (job, instance, host, detector) (
          instance_host_detector_behaviour:undercurrent_host_suspected:level{%s}
        ) %s %d
      ||| % [selector, comparison, config.criticalLevel],
      summary,
      description + ' The score is over the threshold that keeps the budget of false alerts, and a finding of level {{ $value }} of 4 stands.',
      config.suspectedFor,
      config.suspectedStays,
    ),

  local suspectedOfBoth(name, selector, summary, description) = [
    suspected(name, selector, 'warning', '<', summary, description),
    suspected(name, selector, 'critical', '>=', summary, description),
  ],

  prometheusAlerts+:: {
    groups: [
      {
        name: 'undercurrent.hosts',
        rules:
          suspectedOfBoth(
            'HostC2Suspected',
            'detector="c2"',
            '{{ $labels.host }} may be under the control of somebody outside.',
            'Host {{ $labels.host }} talks to a peer outside the way implants do, says sensor {{ $labels.instance }}.',
          )
          + suspectedOfBoth(
            'HostExfilSuspected',
            'detector="exfil"',
            '{{ $labels.host }} may be sending out data that should stay.',
            'Host {{ $labels.host }} sends data outside in a way that benign hosts do not, says sensor {{ $labels.instance }}.',
          )
          + [
            alert(
              'AssetStagedUpload',
              'critical',
              |||
                max by (job, instance, host) (
                  instance_host_detector_behaviour:undercurrent_host_suspected:level{detector="exfil", behaviour="staged_upload"}
                ) >= %d
              ||| % config.suspected.level,
              '{{ $labels.host }} pulled data inside, then sent as much out.',
              'Host {{ $labels.host }} read data from hosts of the monitored network and sent a like amount to a peer outside, says sensor {{ $labels.instance }}.',
              stays=config.suspectedStays,
            ),
          ],
      },
      {
        name: 'undercurrent.sensor',
        rules: [
          alert(
            'SensorDown',
            'critical',
            |||
              up{job="%(job)s"} == 0
              or
              absent(up{job="%(job)s"})
              or
              undercurrent_capture_interface_up == 0
            ||| % config,
            'Sensor {{ $labels.instance }} does not watch its network.',
            'Prometheus gets no metrics from sensor {{ $labels.instance }} of job {{ $labels.job }}, or the sensor cannot capture from interface {{ with $labels.interface }}{{ . }}{{ else }}(any){{ end }}.',
            '5m',
          ),
          alert(
            'CaptureDropping',
            'warning',
            'instance:undercurrent_capture_loss:ratio_rate5m > %s' % config.lossRatio,
            'Sensor {{ $labels.instance }} loses packets.',
            'Sensor {{ $labels.instance }} loses {{ $value | humanizePercentage }} of its packets: volumes are too small and rhythms have holes.',
            '10m',
          ),
          alert(
            'ScoringStalled',
            'critical',
            |||
              time() - undercurrent_last_scored_timestamp_seconds > %d
              and on (job, instance)
              instance:undercurrent_capture_packets:rate5m > 0
            ||| % config.scoringStalledSeconds,
            'Sensor {{ $labels.instance }} does not score.',
            'Sensor {{ $labels.instance }} gets packets, but its last scoring pass was {{ $value | humanizeDuration }} ago: it finds nothing new.',
            '5m',
          ),
          alert(
            'FlowTableFull',
            'warning',
            |||
              instance:undercurrent_flow_table_entries:ratio > %g
              or
              sum by (job, instance) (rate(undercurrent_flows_expired_total{reason="evicted"}[5m])) > 0
            ||| % config.flowTableRatio,
            'The flow table of sensor {{ $labels.instance }} is full.',
            'Sensor {{ $labels.instance }} has no room for more connections, or ends some early to make room: long connections may be seen as short ones.',
            '10m',
          ),
          alert(
            'TopKSaturated',
            'warning',
            |||
              count by (job, instance, detector) (
                max by (job, instance, host, detector) (instance_host_detector_behaviour:undercurrent_host_suspected:level)
              )
              >= on (job, instance) group_left ()
              undercurrent_topk_limit_hosts
            |||,
            'Sensor {{ $labels.instance }} has as many suspected hosts as series.',
            '{{ $value }} hosts raise {{ $labels.detector }} alerts at sensor {{ $labels.instance }}, as many as may have series of their own: further ones raise none.',
            '5m',
          ),
          alert(
            'FindingsSinkFailing',
            'critical',
            |||
              undercurrent_findings_sink_up == 0
              or
              increase(undercurrent_findings_lost_total[15m]) > 0
            |||,
            'Sensor {{ $labels.instance }} cannot deliver findings to {{ $labels.sink }}.',
            'Sensor {{ $labels.instance }} fails to write or send findings to {{ $labels.sink }}: whoever reads them there sees none, or not all.',
            '5m',
          ),
          alert(
            'CheckpointStale',
            'warning',
            'undercurrent_checkpoint_age_seconds > %d' % config.checkpointStaleSeconds,
            'Sensor {{ $labels.instance }} writes no checkpoints.',
            'The last checkpoint of sensor {{ $labels.instance }} is {{ $value | humanizeDuration }} old: what it learned since is lost when it ends.',
            '10m',
          ),
        ],
      },
      {
        name: 'undercurrent.models',
        rules: [
          alert(
            'ModelStale',
            'info',
            '(time() - undercurrent_model_trained_timestamp_seconds) / 86400 > %d' % config.modelStaleDays,
            'The {{ $labels.detector }} model of sensor {{ $labels.instance }} is old.',
            'The {{ $labels.detector }} model of sensor {{ $labels.instance }} was trained {{ $value | humanize }} days ago: what is usual in the network may have changed since.',
            '1h',
          ),
          alert(
            'ModelDrift',
            'warning',
            'avg_over_time(undercurrent_model_score_drift_ratio[1d]) > %s' % config.driftRatio,
            'The scores of the {{ $labels.detector }} model drift at sensor {{ $labels.instance }}.',
            'Over a day, the {{ $labels.detector }} scores at sensor {{ $labels.instance }} are {{ $value | humanizePercentage }} away from those of the calibration: the budget of false alerts is not kept.',
            '1h',
          ),
        ],
      },
    ],
  },
}
