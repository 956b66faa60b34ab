// A dashboard as a page: its panels where they belong, each drawn by its component, or a word on why not.
import { dateTime, ThemeContext } from '@grafana/data';
import { GlobalStyles, PanelChrome } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { framesOf, theme } from './frames.js';
import { components } from './panels.jsx';

const CELL_WIDTH = 64;
const CELL_HEIGHT = 38;
const GAP = 8;

function Content(props) {
  const Component = components[props.panel.type];
  if (!Component) {
    return <p style={{ padding: 16, color: theme.colors.text.secondary }}>(@grafana/ui has no component for a {props.panel.type})</p>;
  }
  if (!props.frames.some((frame) => frame.length > 0)) {
    return <p style={{ padding: 16, color: theme.colors.text.secondary }}>No data</p>;
  }
  return <Component {...props} />;
}

function Dashboard({ shown, frames }) {
  const [first, last] = shown.range.map((seconds) => dateTime(seconds * 1000).utc());
  const range = { from: first, to: last, raw: { from: first, to: last } };
  const { panels, title, description } = shown.dashboard;
  const height = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h)) * CELL_HEIGHT;
  return (
    <main style={{ width: 24 * CELL_WIDTH, margin: 16, color: theme.colors.text.primary }}>
      <h3>{title}</h3>
      <p>{description} ({first.format('YYYY-MM-DD HH:mm')} to {last.format('HH:mm')} UTC)</p>
      <div style={{ position: 'relative', height }}>
        {panels.map((panel) => {
          const { x, y, w, h } = panel.gridPos;
          return (
            <div key={panel.id} style={{ position: 'absolute', left: x * CELL_WIDTH, top: y * CELL_HEIGHT }}>
              <PanelChrome title={panel.title} description={panel.description} width={w * CELL_WIDTH - GAP} height={h * CELL_HEIGHT - GAP}>
                {(width, height) => (
                  <Content panel={panel} frames={frames[panel.id]} width={width} height={height} range={range} annotations={shown.annotations} />
                )}
              </PanelChrome>
            </div>
          );
        })}
      </div>
    </main>
  );
}

async function show(shown) {
  const frames = {};
  for (const panel of shown.dashboard.panels) {
    frames[panel.id] = await framesOf(panel, shown.answers[panel.id]);
  }
  createRoot(document.getElementById('dashboard')).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <Dashboard shown={shown} frames={frames} />
    </ThemeContext.Provider>,
  );
}

globalThis.show = show;
