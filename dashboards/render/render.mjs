// Draws what collect.py gathered: node render.mjs FOLDER_OF_DATA FOLDER_OF_PICTURES. Fails where a panel cannot be drawn.
import { build } from 'esbuild';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import puppeteer from 'puppeteer-core';

const [data, pictures] = process.argv.slice(2);
const here = import.meta.dirname;
const require = createRequire(import.meta.url);
const bundle = path.join(data, 'page.js');

// The CommonJS builds: from the others, esbuild gets the wrong default of the libraries that they use.
const commonJs = {
  name: 'common-js',
  setup: ({ onResolve }) => onResolve({ filter: /^@grafana\/(data|ui)$/ }, ({ path }) => ({ path: require.resolve(path) })),
};

await build({
  entryPoints: [path.join(here, 'page.jsx')],
  bundle: true,
  minify: true,
  format: 'iife',
  jsx: 'automatic',
  outfile: bundle,
  plugins: [commonJs],
  define: { 'process.env.NODE_ENV': '"production"' },
  loader: { '.svg': 'dataurl', '.ttf': 'empty', '.woff2': 'empty' },
  logLevel: 'error',
});

const html = '<!doctype html><title>Dashboard</title><link rel="stylesheet" href="page.css"><div id="dashboard"></div><script src="page.js"></script>';
const site = 'http://dashboards.invalid/';
const icons = 'public/build/';

// Answers what the page asks for from files; nothing leaves this machine.
function answer(request) {
  const name = new URL(request.url()).pathname.slice(1);
  const file = name.startsWith(icons)
    ? path.join(here, 'node_modules/@grafana/ui/dist/public', name.slice(icons.length))
    : path.join(data, name);
  if (name === '') {
    return request.respond({ contentType: 'text/html', body: html });
  }
  // The package has no fonts.
  if (name === 'favicon.ico' || name.startsWith('public/fonts/')) {
    return request.respond({ status: 204 });
  }
  if (!request.url().startsWith(site) || !fs.existsSync(file)) {
    return request.respond({ status: 404 });
  }
  const types = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
  return request.respond({ contentType: types[path.extname(file)], body: fs.readFileSync(file) });
}

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--force-color-profile=srgb'],
});
const failures = [];
for (const file of fs.readdirSync(data).filter((name) => name.endsWith('.json'))) {
  const page = await browser.newPage();
  await page.setViewport({ width: 24 * 64 + 32, height: 1000 });
  page.on('pageerror', (error) => failures.push(`${file}: ${error.message}`));
  page.on('response', (response) => response.ok() || failures.push(`${file}: ${response.status()} ${response.url()}`));
  await page.setRequestInterception(true);
  page.on('request', answer);
  await page.goto(site);
  await page.evaluate((shown) => globalThis.show(shown), JSON.parse(fs.readFileSync(path.join(data, file), 'utf8')))
    .catch((error) => failures.push(`${file}: ${error.message}`));
  await page.waitForSelector('main', { timeout: 10_000 }).catch((error) => failures.push(`${file}: ${error.message}`));
  await page.waitForNetworkIdle({ idleTime: 500 });
  await page.screenshot({ path: path.join(pictures, file.replace('.json', '.png')), fullPage: true });
  await page.close();
}
await browser.close();
if (failures.length > 0) {
  console.error(failures.join('\n'));
  process.exit(1);
}
