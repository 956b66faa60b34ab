// Runs axe-core on pages, on a phone and on a desk, light and dark: node accessibility.mjs FILE_OR_URL...
// A file may have a fragment: report.html#f-ID.
import axe from 'axe-core';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import puppeteer from 'puppeteer-core';

const WIDTHS = [360, 1440];
const SCHEMES = ['light', 'dark'];

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});

async function violations(address, width, scheme) {
  const page = await browser.newPage();
  await page.setBypassCSP(true);
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await page.goto(locate(address));
  await page.evaluate(axe.source);
  const found = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await page.close();
  const listed = found.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${help}\n    ${target.join(' ')}\n    ${failureSummary.replaceAll('\n', '\n    ')}`));
  return wide > 0 ? [...listed, `the page is ${wide} px wider than the window`] : listed;
}

function locate(address) {
  if (/^https?:/.test(address)) return address;
  const [file, fragment] = address.split('#');
  const url = pathToFileURL(path.resolve(file));
  url.hash = fragment ?? '';
  return url.href;
}

let failed = false;
for (const address of process.argv.slice(2)) {
  for (const width of WIDTHS) {
    for (const scheme of SCHEMES) {
      const found = await violations(address, width, scheme);
      console.log(`${address}, ${width} px, ${scheme}: ${found.length} violations`);
      found.forEach((violation) => console.log(`  ${violation}`));
      failed ||= found.length > 0;
    }
  }
}
await browser.close();
process.exit(failed ? 1 : 0);
