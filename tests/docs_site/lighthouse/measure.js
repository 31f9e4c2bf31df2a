// One Lighthouse run, or one plain visit, in a browser of its own.
import { mkdirSync, writeFileSync } from 'node:fs';
import { launch } from 'chrome-launcher';
import lighthouse, { desktopConfig } from 'lighthouse';
import puppeteer from 'puppeteer-core';
import { CATEGORIES } from './budgets.js';
import { ownWork } from './own_work.js';
import { isOwn, isOwnScript, OWN_FILE } from './servers.js';

const FLAGS = [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];
const TRIES = 3; // a browser that does not start, or a page that it loses, says nothing about the script
const PLAIN_VISIT_MS = 6000;
const FIRST_BEACON_MS = 60_000; // on a machine that is ten times slower

/** What one run found; the raw report is kept in `folder`. */
export async function runLighthouse(url, preset, chromePath, folder, name) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await tryLighthouse(url, preset, chromePath, folder, name);
    } catch (error) {
      if (attempt === TRIES) throw error;
      console.error(`  again, because: ${error.message}`);
    }
  }
}

async function tryLighthouse(url, preset, chromePath, folder, name) {
  const chrome = await launch({ chromePath, chromeFlags: FLAGS, logLevel: 'silent' });
  try {
    const flags = { port: chrome.port, logLevel: 'error', disableFullPageScreenshot: true };
    const result = await lighthouse(url, flags, preset === 'desktop' ? desktopConfig : undefined);
    if (result.lhr.runtimeError) throw new Error(result.lhr.runtimeError.message);
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/${name}.json`, JSON.stringify(result.lhr));
    return summarize(result);
  } finally {
    chrome.kill();
  }
}

function summarize({ lhr, artifacts }) {
  const audit = (id) => lhr.audits[id];
  const requests = audit('network-requests').details.items;
  const own = requests.filter((item) => isOwn(item.url));
  const { throttling, throttlingMethod } = lhr.configSettings;
  const work = ownWork(artifacts.Trace.traceEvents, throttlingMethod === 'simulate' ? throttling.cpuSlowdownMultiplier : 1);
  return {
    scores: Object.fromEntries(CATEGORIES.map((id) => [id, Math.round(lhr.categories[id].score * 100)])),
    tbt: audit('total-blocking-time').numericValue,
    lcp: audit('largest-contentful-paint').numericValue,
    cls: audit('cumulative-layout-shift').numericValue,
    bytes: audit('total-byte-weight').numericValue,
    requests: requests.length,
    ownRequests: own.map((item) => new URL(item.url).pathname),
    ownBytes: own.reduce((sum, item) => sum + (item.transferSize || 0), 0),
    ownStretches: work.stretches,
    hasRun: own.some((item) => isOwnScript(item.url) && item.statusCode === 200) && work.hasStarted,
    failing: Object.values(lhr.audits).filter(isFailing).map(({ id }) => id),
    benchmark: lhr.environment.benchmarkIndex,
  };
}

/** A forced reflow is the page's own, now and then, also without the script: it counts where the script is named. */
function isFailing({ id, score, scoreDisplayMode, details }) {
  if (id === 'forced-reflow-insight' && !OWN_FILE.test(JSON.stringify(details ?? ''))) return false;
  if (score === null || ['informative', 'manual', 'notApplicable', 'error'].includes(scoreDisplayMode)) return false;
  return scoreDisplayMode === 'binary' ? score < 1 : score < 0.9;
}

/** A reader who looks at the page for six seconds: what reached the collector, and when the page had loaded. */
export async function visitPlainly(url, collector, chromePath) {
  const chrome = await launch({ chromePath, chromeFlags: FLAGS, logLevel: 'silent' });
  const before = collector.received.length;
  try {
    const browser = await puppeteer.connect({ browserURL: `http://127.0.0.1:${chrome.port}`, defaultViewport: null });
    const page = await browser.newPage();
    const requests = [];
    page.on('request', (request) => requests.push(request.url()));
    await page.goto(url, { waitUntil: 'load' });
    const loadedAt = await page.evaluate(() => performance.timeOrigin + performance.timing.loadEventStart - performance.timing.navigationStart);
    await waitFor(() => collector.received.length > before, FIRST_BEACON_MS);
    await new Promise((resolve) => { setTimeout(resolve, Math.max(0, loadedAt + PLAIN_VISIT_MS - Date.now())); });
    await browser.disconnect();
    const own = requests.filter((address) => address.startsWith('http') && (isOwn(address) || /widget|prompts/.test(address)));
    return { beacons: collector.received.slice(before), requests: own, loadedAt };
  } finally {
    chrome.kill();
  }
}

async function waitFor(condition, milliseconds) {
  const end = Date.now() + milliseconds;
  while (!condition() && Date.now() < end) await new Promise((resolve) => { setTimeout(resolve, 50); });
}
