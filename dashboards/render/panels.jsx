// Panels drawn with the components of @grafana/ui.
import { FieldType, formattedValueToString, getFieldDisplayName, VizOrientation } from '@grafana/data';
import { BarGauge, BigValue, TimeSeries, Table, UPlotChart, VizRepeater } from '@grafana/ui';
import { theme } from './frames.js';

const valueOf = (frame) => frame.fields.find((field) => field.type === FieldType.number);

// The last value of each series, with its name.
function lastValues(frames) {
  return frames.filter((frame) => frame.length > 0).map((frame) => {
    const field = valueOf(frame);
    const display = field.display(field.values[frame.length - 1]);
    return { field, display: { ...display, title: getFieldDisplayName(field, frame, frames) } };
  });
}

function Stat({ panel, frames, width, height }) {
  const values = lastValues(frames);
  const named = panel.options.textMode === 'name';
  return (
    <VizRepeater
      source={frames} getValues={() => values} width={width} height={height} itemSpacing={4}
      orientation={VizOrientation.Vertical} renderCounter={0}
      renderValue={({ value, width, height }) => (
        <BigValue
          value={named ? { ...value.display, text: value.display.title, title: undefined, suffix: '' }
            : { ...value.display, title: values.length > 1 ? value.display.title : undefined }}
          width={width} height={height} theme={theme} colorMode={panel.options.colorMode} graphMode="none" justifyMode="auto"
        />
      )}
    />
  );
}

function Bars({ panel, frames, width, height }) {
  const values = lastValues(frames);
  const most = Math.max(1, ...values.map(({ display }) => display.numeric));
  return (
    <VizRepeater
      source={frames} getValues={() => values} width={width} height={height} itemSpacing={4} minVizHeight={16} maxVizHeight={32}
      orientation={VizOrientation.Horizontal} renderCounter={0}
      renderValue={({ value, width, height, alignmentFactors }) => (
        <BarGauge
          value={value.display} field={{ ...value.field.config, max: value.field.config.max ?? most }} display={value.field.display} width={width} height={height}
          orientation={VizOrientation.Horizontal} theme={theme} displayMode={panel.options.displayMode}
          alignmentFactors={alignmentFactors} showUnfilled valueDisplayMode={panel.options.valueMode} namePlacement={panel.options.namePlacement}
        />
      )}
      getAlignmentFactors={() => values.reduce((longest, { display }) => ({
        title: display.title.length > longest.title.length ? display.title : longest.title,
        text: formattedValueToString(display).length > longest.text.length ? formattedValueToString(display) : longest.text,
      }), { title: '', text: '' })}
    />
  );
}

// Findings as bands behind the lines, the way Grafana shows annotations that last.
function bands(builder, annotations) {
  builder.addHook('drawClear', (plot) => {
    const { ctx, bbox } = plot;
    for (const { values } of annotations) {
      const [left, right] = [values[0][0], values[values.length - 1][0]].map((at) => plot.valToPos(at * 1000, 'x', true));
      ctx.fillStyle = 'rgba(255, 152, 48, 0.08)';
      ctx.fillRect(left, bbox.top, right - left, bbox.height);
      ctx.fillStyle = 'rgb(255, 152, 48)';
      ctx.fillRect(left, bbox.top + bbox.height - 3, right - left, 3);
    }
  });
  return null;
}

const Lines = ({ panel, frames, width, height, range, annotations }) => (
  <TimeSeries
    frames={frames} width={width} height={height} timeRange={range} timeZone="utc" legend={panel.options.legend} options={panel.options}>
    {(builder) => bands(builder, annotations)}
  </TimeSeries>
);

const Rows = ({ panel, frames, width, height }) => (
  <Table data={frames[0]} width={width} height={height} initialSortBy={panel.options.sortBy} />
);

// The types of panels that the package has components for. It has none for heatmaps and state timelines.
export const components = { timeseries: Lines, stat: Stat, bargauge: Bars, table: Rows };
