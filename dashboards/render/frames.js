// Answers of Prometheus as Grafana's data frames.
import { applyFieldOverrides, createTheme, FieldType, Registry, standardTransformers, standardTransformersRegistry, toDataFrame, transformDataFrame } from '@grafana/data';
import { firstValueFrom } from 'rxjs';

export const theme = createTheme({ colors: { mode: 'dark' } });

// The options of fields that the dashboards set. Grafana's own registry is part of its server's pages, not of the packages.
const item = (path, isCustom) => ({
  id: isCustom ? `custom.${path}` : path,
  path,
  isCustom,
  name: path,
  process: (value) => value,
  shouldApply: () => true,
});
const standard = ['unit', 'decimals', 'min', 'max', 'color', 'mappings', 'thresholds', 'noValue', 'links', 'displayName'];
const custom = ['axisPlacement', 'axisSoftMax', 'cellOptions', 'drawStyle', 'fillOpacity', 'lineInterpolation', 'lineStyle', 'lineWidth',
  'scaleDistribution', 'showPoints', 'spanNulls', 'stacking', 'transform'];
const registry = new Registry(() => [...standard.map((path) => item(path, false)), ...custom.map((path) => item(path, true))]);

// Some are listed by two names.
const transformers = new Map(Object.values(standardTransformers).map((transformation) => [transformation.id, transformation]));
standardTransformersRegistry.setInit(() =>
  [...transformers.values()].map((transformation) => ({ id: transformation.id, name: transformation.name, transformation: async () => transformation })));

function legend(template, labels) {
  if (template === '__auto') {
    const text = Object.entries(labels).map(([name, value]) => `${name}="${value}"`).join(', ');
    return text ? `{${text}}` : 'Value';
  }
  return template.replace(/{{(\w+)}}/g, (_, name) => labels[name] ?? '').trim();
}

const number = (text) => (text === 'NaN' ? null : Number(text));

// A frame a series: time and value.
function series(target, result) {
  return result.map(({ metric, values, value }) => {
    const points = values ?? [value];
    const { __name__: _, ...labels } = metric;
    return toDataFrame({
      refId: target.refId,
      fields: [
        { name: 'Time', type: FieldType.time, values: points.map(([at]) => at * 1000) },
        {
          name: 'Value',
          type: FieldType.number,
          labels,
          config: { displayNameFromDS: legend(target.legendFormat, labels) },
          values: points.map(([, text]) => number(text)),
        },
      ],
    });
  });
}

// One frame: a column a label, and the value.
function rows(target, result, several) {
  const labels = [...new Set(result.flatMap(({ metric }) => Object.keys(metric)))].filter((name) => name !== '__name__').sort();
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: result.map(({ value }) => value[0] * 1000) },
      ...labels.map((name) => ({ name, type: FieldType.string, values: result.map(({ metric }) => metric[name] ?? '') })),
      {
        name: several ? `Value #${target.refId}` : 'Value',
        type: FieldType.number,
        values: result.map(({ value }) => number(value[1])),
      },
    ],
  });
}

// The frames of a panel, transformed and with the options of their fields applied.
export async function framesOf(panel, answers) {
  const several = panel.targets.length > 1;
  const frames = panel.targets.flatMap((target, index) =>
    target.format === 'table' ? [rows(target, answers[index], several)] : series(target, answers[index]));
  const transformed = panel.transformations
    ? await firstValueFrom(transformDataFrame(panel.transformations, frames))
    : frames;
  return applyFieldOverrides({
    data: transformed,
    fieldConfig: panel.fieldConfig,
    replaceVariables: (text) => text,
    theme,
    timeZone: 'utc',
    fieldConfigRegistry: registry,
  });
}
