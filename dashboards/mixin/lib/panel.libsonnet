// Panels: what Grafana wants to be told of each, and nothing that it has a default for.
local datasource = { type: 'prometheus', uid: '${datasource}' };

// Severities have the same colours everywhere; none of them is told by its colour alone.
local severityColors = { low: 'blue', medium: 'yellow', high: 'orange', critical: 'red' };
local levels = {
  '0': { text: 'none', color: 'text', index: 0 },
  '1': { text: 'low', color: severityColors.low, index: 1 },
  '2': { text: 'medium', color: severityColors.medium, index: 2 },
  '3': { text: 'high', color: severityColors.high, index: 3 },
  '4': { text: 'critical', color: severityColors.critical, index: 4 },
};

// What values are, as Grafana formats them.
local units = {
  count: { unit: 'short' },
  score: { unit: 'short', decimals: 2 },
  share: { unit: 'percentunit' },
  level: { unit: 'short', decimals: 0 },
  bytes: { unit: 'bytes' },
  bits: { unit: 'bps' },
  packets: { unit: 'pps' },
  seconds: { unit: 's' },
  days: { unit: 'd' },
  events: { unit: 'cps' },
};

local base(type, title, description, unit, targets) = {
  type: type,
  title: title,
  description: description,
  datasource: datasource,
  targets: [
    target { refId: std.char(std.codepoint('A') + index), datasource: datasource }
    for index in std.range(0, std.length(targets) - 1)
    for target in [targets[index]]
  ],
  fieldConfig: { defaults: units[unit], overrides: [] },
  options: {},
};

local override(matcher, value, properties) = {
  matcher: { id: matcher, options: value },
  properties: [{ id: id, value: properties[id] } for id in std.objectFields(properties)],
};

{
  severityLevels:: [{ type: 'value', options: levels }],

  // A query over time; `legend` is a template of Grafana, e.g. `{{host}}`.
  range(expr, legend='__auto'):: { expr: expr, legendFormat: legend, range: true, instant: false },
  // A query of the last moment.
  instant(expr, legend='__auto'):: { expr: expr, legendFormat: legend, range: false, instant: true },
  // A query of the last moment, as a table.
  rows(expr):: { expr: expr, format: 'table', range: false, instant: true },
  // A histogram's buckets over time.
  buckets(expr):: { expr: expr, format: 'heatmap', legendFormat: '{{le}}', range: true, instant: false },

  override:: override,

  timeseries(title, description, unit, targets, fill=0, min=null, max=null, atLeast=null, stack=false, bars=false)::
    base('timeseries', title, description, unit, targets) {
      // Bars count events: with few of them, each event is in one bar only.
      [if bars then 'maxDataPoints']: 60,
      fieldConfig+: {
        defaults+: {
          [if min != null then 'min']: min,
          [if max != null then 'max']: max,
          color: { mode: 'palette-classic' },
          custom: {
            drawStyle: if bars then 'bars' else 'line',
            fillOpacity: if bars then 80 else fill,
            lineWidth: 1,
            showPoints: 'never',
            spanNulls: 600000,
            // So that zeros have an axis of a sensible range.
            [if atLeast != null then 'axisSoftMax']: atLeast,
            stacking: { mode: if stack then 'normal' else 'none', group: 'A' },
          },
        },
      },
      options: {
        legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
        tooltip: { mode: 'multi', sort: 'desc' },
      },
    },

  // Draws the series of this name as a dashed line in the colour of its severity.
  thresholdLine(name, severity)::
    override('byName', name, {
      color: { mode: 'fixed', fixedColor: severityColors[severity] },
      'custom.lineStyle': { fill: 'dash', dash: [10, 10] },
      'custom.fillOpacity': 0,
    }),
  colorLine(name, severity)::
    override('byName', name, { color: { mode: 'fixed', fixedColor: severityColors[severity] } }),
  // Draws the series that match below the axis.
  below(regex):: override('byRegexp', regex, { 'custom.transform': 'negative-Y' }),

  stat(title, description, unit, target, steps=[], mappings=[], link=null)::
    base('stat', title, description, unit, [target]) {
      fieldConfig+: {
        defaults+: {
          color: { mode: 'thresholds' },
          mappings: mappings,
          noValue: 'none',
          thresholds: { mode: 'absolute', steps: [{ color: 'text', value: null }] + steps },
          [if link != null then 'links']: [link],
        },
      },
      options: {
        colorMode: 'value',
        graphMode: 'none',
        justifyMode: 'auto',
        orientation: 'auto',
        textMode: 'auto',
        reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      },
    },
  from(value, color):: { value: value, color: color },

  bargauge(title, description, unit, target, min=0, max=null)::
    base('bargauge', title, description, unit, [target]) {
      fieldConfig+: {
        defaults+: {
          min: min,
          [if max != null then 'max']: max,
          color: { mode: 'fixed', fixedColor: 'blue' },
          thresholds: { mode: 'absolute', steps: [{ color: 'blue', value: null }] },
        },
      },
      options: {
        displayMode: 'basic',
        orientation: 'horizontal',
        showUnfilled: true,
        valueMode: 'text',
        namePlacement: 'left',
        sizing: 'auto',
        minVizHeight: 16,
        minVizWidth: 8,
        maxVizHeight: 32,
        reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      },
    },

  heatmap(title, description, unit, targets)::
    base('heatmap', title, description, unit, targets) {
      fieldConfig+: { defaults+: { custom: { scaleDistribution: { type: 'linear' } } } },
      options: {
        calculate: false,
        cellGap: 1,
        color: { mode: 'scheme', scheme: 'Blues', steps: 64, exponent: 0.5, scale: 'exponential', fill: 'blue', reverse: false },
        exemplars: { color: 'red' },
        filterValues: { le: 1e-9 },
        legend: { show: true },
        rowsFrame: { layout: 'auto' },
        tooltip: { mode: 'single', yHistogram: false, showColorScale: false },
        yAxis: { axisPlacement: 'left', reverse: false, unit: units[unit].unit },
      },
    },

  stateTimeline(title, description, unit, targets, mappings)::
    base('state-timeline', title, description, unit, targets) {
      fieldConfig+: {
        defaults+: {
          color: { mode: 'fixed', fixedColor: 'text' },
          mappings: mappings,
          custom: { fillOpacity: 80, lineWidth: 0 },
        },
      },
      options: {
        alignValue: 'left',
        legend: { displayMode: 'list', placement: 'bottom', showLegend: false },
        mergeValues: true,
        rowHeight: 0.8,
        showValue: 'auto',
        tooltip: { mode: 'single', sort: 'none' },
      },
    },

  // A table of labels and one column a query. `columns`: the name of each label or `Value #A` that is shown, and its heading.
  table(title, description, unit, targets, columns, sortBy=null)::
    base('table', title, description, unit, targets) {
      transformations: [
        { id: 'merge', options: {} },
        {
          id: 'organize',
          options: {
            excludeByName: { Time: true },
            indexByName: { [columns[index][0]]: index for index in std.range(0, std.length(columns) - 1) },
            renameByName: { [column[0]]: column[1] for column in columns },
          },
        },
      ],
      options: {
        cellHeight: 'sm',
        showHeader: true,
        [if sortBy != null then 'sortBy']: [{ displayName: sortBy, desc: true }],
      },
    },
  // How a column of a table is shown.
  column(name, properties):: override('byName', name, properties),
}
