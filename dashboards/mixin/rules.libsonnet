// Recording rules: what alerts ask for, and what is worth keeping for years.
{
  local config = $._config,
  local byDesign = 'reason!~"%s"' % std.join('|', config.byDesign),

  prometheusRules+:: {
    groups: [
      {
        name: 'undercurrent.recording',
        rules: [
          {
            record: 'instance:undercurrent_capture_packets:rate5m',
            expr: 'sum by (job, instance) (rate(undercurrent_capture_packets_total[5m]))',
          },
          {
            record: 'instance:undercurrent_capture_bytes:rate5m',
            expr: 'sum by (job, instance) (rate(undercurrent_capture_bytes_total[5m]))',
          },
          {
            // Nothing lost is 0, also where no reason of a loss has a series.
            record: 'instance:undercurrent_capture_lost_packets:rate5m',
            expr: |||
              sum by (job, instance) (rate(undercurrent_capture_dropped_packets_total{%s}[5m]))
              or
              0 * instance:undercurrent_capture_packets:rate5m
            ||| % byDesign,
          },
          {
            // Lost packets never were among those captured.
            record: 'instance:undercurrent_capture_loss:ratio_rate5m',
            expr: |||
              instance:undercurrent_capture_lost_packets:rate5m
              /
              (instance:undercurrent_capture_lost_packets:rate5m + instance:undercurrent_capture_packets:rate5m > 0)
            |||,
          },
          {
            record: 'instance:undercurrent_flow_table_entries:ratio',
            expr: |||
              sum by (job, instance) (undercurrent_flows_active)
              /
              sum by (job, instance) (undercurrent_flow_table_max_entries)
            |||,
          },
          {
            record: 'job_detector_severity:undercurrent_hosts_over_threshold:sum',
            expr: 'sum by (job, detector, severity) (undercurrent_hosts_over_threshold)',
          },
          {
            record: 'instance_detector_le:undercurrent_score_bucket:rate1h',
            expr: 'sum by (job, instance, detector, le) (rate(undercurrent_score_bucket[1h]))',
          },
          {
            // The level of the gravest finding of each suspected host: 2 medium, 3 high, 4 critical.
            record: 'instance_host_detector_behaviour:undercurrent_host_suspected:level',
            expr: |||
              (undercurrent_host_finding_severity >= %(level)d)
              and on (job, instance, host, detector)
              (
                undercurrent_host_anomaly_score
                >= on (job, instance, detector) group_left ()
                undercurrent_score_threshold{severity="%(severity)s"}
              )
            ||| % config.suspected,
          },
        ],
      },
    ],
  },
}
