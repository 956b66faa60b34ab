// Takes pictures of pages of a live sensor: node screenshot.mjs FOLDER URL... Each page is a NAME.png: on a desk in light, on a phone in the dark.
import fs from 'node:fs';
import path from 'node:path';
import puppeteer from 'puppeteer-core';

const [folder, ...urls] = process.argv.slice(2);
const LOOKS = [
  { name: '', width: 1100, height: 1400, scheme: 'light' },
  { name: '-phone', width: 390, height: 1000, scheme: 'dark' },
];

const nameOf = (url) => (new URL(url).pathname === '/' ? 'sensor' : 'sensor-host');

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--force-color-profile=srgb'],
});
fs.mkdirSync(folder, { recursive: true });
for (const url of urls) {
  for (const { name, width, height, scheme } of LOOKS) {
    const page = await browser.newPage();
    await page.setViewport({ width, height });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await page.goto(url);
    await page.screenshot({ path: path.join(folder, `${nameOf(url)}${name}.png`) });
    await page.close();
  }
}
await browser.close();
