// What a site may want to set otherwise. All numbers of the rules are here, and nowhere else.
{
  _config+:: {
    // The job under which Prometheus scrapes the sensors.
    job: 'undercurrent',
    // Where the pages of docs/runbooks are; `%s` becomes the name of the alert. By default, where the Debian package puts them: a site that
    // serves them sets its own address, so that notifications link to them.
    runbookUrl: 'file:///usr/share/doc/undercurrent/docs/runbooks/%s.md',
    // Reasons for which packets are left out by design: they are no loss.
    byDesign: ['arp', 'filter', 'link_type', 'not_ip', 'wifi_control', 'wifi_encrypted'],

    // A host is suspected from this level of a finding on (2 is medium), if its score is over the threshold of this severity. The
    // threshold keeps the sensor's budget of false alerts; the finding says that the evidence bears it and no allowlist holds it back.
    suspected: { level: 2, severity: 'high' },
    // From this level on the alert is critical instead of a warning.
    criticalLevel: 4,
    // How long a host must be suspected, and how long the alert stays when it is not any more.
    suspectedFor: '2m',
    suspectedStays: '15m',

    // Share of packets lost.
    lossRatio: 0.001,
    // Share of the flow table in use.
    flowTableRatio: 0.95,
    // Seconds of packet time without a scoring pass.
    scoringStalledSeconds: 600,
    // Seconds since a checkpoint was written.
    checkpointStaleSeconds: 1800,
    // Days since a model was trained.
    modelStaleDays: 365,
    // Distance of the scores from those of the calibration, over a day; 0 is none, 1 the most.
    driftRatio: 0.5,

    dashboards: {
      tags: ['undercurrent'],
      // The range that is shown at first.
      from: 'now-6h',
      refresh: '1m',
    },
  },
}
