// A dashboard: variables, links, annotations, and panels in rows.
local datasource = { type: 'prometheus', uid: '${datasource}' };

// The allValue also matches series without the label: those that were imported from a replay have no job and no instance.
local variable(name, label, query, multi=true) = {
  name: name,
  label: label,
  type: 'query',
  datasource: datasource,
  definition: query,
  query: { qryType: 1, query: query, refId: 'PrometheusVariableQueryEditor-VariableQuery' },
  // When the time range changes: hosts come and go.
  refresh: 2,
  sort: 1,
  multi: multi,
  includeAll: multi,
  [if multi then 'allValue']: '.*',
  current: if multi then { selected: true, text: ['All'], value: ['$__all'] } else {},
  options: [],
};

// Findings of at least this level, from when they are found to when they are not any more.
local findings(matchers) = {
  name: 'Findings',
  datasource: datasource,
  enable: true,
  hide: false,
  iconColor: 'orange',
  expr: 'max by (host, detector, behaviour) (undercurrent_host_finding_severity{job=~"$job", instance=~"$instance"%s}) >= 2' % matchers,
  step: '60s',
  titleFormat: 'Finding: {{behaviour}} of {{host}}',
  tagKeys: 'detector,behaviour',
  textFormat: '',
  useValueForTime: false,
};

// Places rows of panels: each row is a height and its panels with their widths, which sum to 24.
local place(rows) =
  local placed = std.foldl(
    function(done, row)
      local widths = [panel.w for panel in row.panels];
      assert std.foldl(function(a, b) a + b, widths, 0) == 24 : 'widths of a row: %s' % [widths];
      {
        y: done.y + row.h,
        panels: done.panels + [
          row.panels[index].panel {
            id: std.length(done.panels) + index + 1,
            gridPos: { x: std.foldl(function(a, b) a + b, widths[:index], 0), y: done.y, w: widths[index], h: row.h },
          }
          for index in std.range(0, std.length(widths) - 1)
        ],
      },
    rows,
    { y: 0, panels: [] },
  );
  placed.panels;

{
  row(height, panels):: { h: height, panels: panels },
  // Panels of the same width.
  even(height, panels):: $.row(height, [{ w: 24 / std.length(panels), panel: panel } for panel in panels]),
  wide(panel, width):: { w: width, panel: panel },

  hostVariable(extra='')::
    variable('host', 'Host', 'label_values(undercurrent_host_anomaly_score{job=~"$job", instance=~"$instance"%s}, host)' % extra),

  // `findingsOf`: matchers of the findings that are shown as annotations, e.g. `, detector="c2"`.
  new(config, uid, title, description, rows, variables=[], findingsOf=''):: {
    uid: 'undercurrent-' + uid,
    title: 'undercurrent / ' + title,
    description: description,
    tags: config.dashboards.tags,
    editable: false,
    graphTooltip: 1,
    schemaVersion: 41,
    version: 1,
    timezone: 'utc',
    time: { from: config.dashboards.from, to: 'now' },
    refresh: config.dashboards.refresh,
    timepicker: {},
    fiscalYearStartMonth: 0,
    links: [
      {
        title: 'undercurrent',
        type: 'dashboards',
        tags: config.dashboards.tags,
        asDropdown: false,
        includeVars: true,
        keepTime: true,
        targetBlank: false,
        icon: 'external link',
        tooltip: '',
        url: '',
      },
    ],
    templating: {
      list: [
        { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', current: {}, hide: 0, options: [], refresh: 1, regex: '', multi: false, includeAll: false },
        variable('job', 'Job', 'label_values(undercurrent_build_info, job)'),
        variable('instance', 'Instance', 'label_values(undercurrent_build_info{job=~"$job"}, instance)'),
      ] + variables,
    },
    annotations: { list: [findings(findingsOf)] },
    panels: place(rows),
  },
}
