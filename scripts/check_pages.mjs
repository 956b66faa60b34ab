// Do the sensor's pages keep to the rules of axe-core, in Chromium, narrow and wide, light and dark?
//
// npm install --prefix target/axe puppeteer-core axe-core
// node scripts/check_pages.mjs [URL [FOLDER FOR SCREENSHOTS]]
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

const require = createRequire(resolve(process.env.NODE_MODULES_OF ?? "target/axe", "package.json"));
const puppeteer = require("puppeteer-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const [url = "http://127.0.0.1:9909", folder] = process.argv.slice(2);

const hosts = await (await fetch(`${url}/api/v1/hosts`)).json();
const pages = { index: "/", host: `/hosts/${hosts[0]?.host ?? "192.0.2.1"}`, missing: "/hosts/192.0.2.1" };
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
let failed = false;
for (const [name, path] of Object.entries(pages)) {
  for (const width of [360, 1440]) {
    for (const scheme of ["light", "dark"]) {
      const page = await browser.newPage();
      await page.setBypassCSP(true);
      await page.setViewport({ width, height: 900 });
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await page.goto(url + path, { waitUntil: "networkidle0" });
      await page.addScriptTag({ content: axe });
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      const overflows = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      console.log(`${name} ${width} px ${scheme}: ${violations.length} violations${overflows ? ", wider than the screen" : ""}`);
      for (const { id, help, nodes } of violations) console.log(`  ${id}: ${help}: ${nodes[0].html.slice(0, 120)}`);
      failed ||= violations.length > 0 || overflows;
      if (folder) await page.screenshot({ path: `${folder}/${name}-${width}-${scheme}.png` });
      await page.close();
    }
  }
}
await browser.close();
process.exit(failed ? 1 : 0);
