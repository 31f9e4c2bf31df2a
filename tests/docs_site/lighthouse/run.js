// `make lighthouse`: what the script costs a page, measured with and without it in turn. Ends with 1 when a limit breaks.
// PAIRS (default 7) and PRESETS (default mobile,desktop) come from the environment. With fewer than 7 pairs, what hangs
// on times is not judged (performance, blocking time, audits of times), and the page without the script runs once a round.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import { OWN_REQUESTS, PAIRS_FOR_PERFORMANCE, SCRIPT_BYTES } from './budgets.js';
import { judge } from './judge.js';
import { runLighthouse, visitPlainly } from './measure.js';
import { atReferenceSpeed } from './own_work.js';
import { presetTable } from './report.js';
import { startServers } from './servers.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const REPORTS = join(ROOT, 'build', 'lighthouse');
const PAGE = '/start/overview/';
const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];
const LABELS = {
  without: 'without the script', again: 'without, again', up: 'with, collector up', refusing: 'with, collector refuses',
  proxied: 'with, own path, collector down', 'script gone': 'with, script address dead (no limit)',
};
const JUDGED = ['up', 'refusing', 'proxied'];

const pairs = Number(process.env.PAIRS || PAIRS_FOR_PERFORMANCE);
const presets = (process.env.PRESETS || 'mobile,desktop').split(',');
process.exitCode = (await main()) ? 0 : 1;

async function main() {
  checkParameters();
  const chromePath = findBrowser();
  rmSync(REPORTS, { recursive: true, force: true });
  mkdirSync(REPORTS, { recursive: true });
  const builds = { on: build('build', 'on'), off: build('build:off', 'off') };
  const servers = await startServers(builds);
  try {
    const broken = [...(await proveItSends(servers, chromePath)), ...(await judgeSize(servers))];
    const parts = [];
    const measured = {};
    for (const preset of presets) {
      const groups = await measurePreset(servers, preset, chromePath);
      parts.push(presetTable(preset, groups, LABELS));
      broken.push(...judgePreset(preset, groups));
      measured[preset] = groups;
    }
    broken.push(...(await proveItCanFail(servers, chromePath, presets[0], measured[presets[0]].without)));
    report(parts, broken);
    return broken.length === 0;
  } finally {
    servers.stop();
  }
}

function checkParameters() {
  if (!Number.isInteger(pairs) || pairs < 1) throw new Error('PAIRS is a whole number above 0');
  if (!presets.every((preset) => ['mobile', 'desktop'].includes(preset))) throw new Error('PRESETS is mobile, desktop or mobile,desktop');
}

function findBrowser() {
  for (const name of BROWSERS) {
    try {
      return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf-8' }).trim();
    } catch { /* the next one */ }
  }
  throw new Error(`There is no browser; install one of: ${BROWSERS.join(', ')}.`);
}

function build(script, mode) {
  say(`Building the site: ${mode}`);
  execFileSync('npm', ['run', '--silent', script], { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
  return join(ROOT, 'build', mode);
}

/** With and without in turn; the baseline serves all states of the collector. */
async function measurePreset(servers, preset, chromePath) {
  const isFull = pairs >= PAIRS_FOR_PERFORMANCE;
  const order = isFull ? ['without', 'up', 'again', 'refusing', 'proxied', 'script gone'] : ['without', ...JUDGED];
  const groups = Object.fromEntries(order.map((name) => [name, []]));
  for (let pair = 1; pair <= pairs; pair += 1) {
    for (const name of order) {
      const address = servers.variants[name === 'again' ? 'without' : name] + PAGE;
      const run = await runLighthouse(address, preset, chromePath, REPORTS, `${preset}-${name.replace(' ', '-')}-${pair}`);
      groups[name].push(run);
      say(`${preset} ${pair}/${pairs}  ${LABELS[name].padEnd(38)} ${Object.values(run.scores).join('/')}`);
    }
  }
  const all = atReferenceSpeed(Object.values(groups).flat());
  return Object.fromEntries(order.map((name, index) => [name, all.slice(index * pairs, (index + 1) * pairs)]));
}

function judgePreset(preset, groups) {
  const { without, again } = groups;
  return JUDGED.flatMap((name) => judge({ with: groups[name], without, again }).map((words) => `${preset}, ${LABELS[name]}: ${words}`));
}

/** A script that skips the browser of the measurement passes every limit: so it must be seen to send. */
async function proveItSends(servers, chromePath) {
  say('A plain visit of six seconds');
  const { beacons, requests, loadedAt } = await visitPlainly(servers.variants.up + PAGE, servers.collector, chromePath);
  const broken = [];
  if (beacons.length !== 1) broken.push(`a plain visit sent ${beacons.length} beacons instead of one`);
  if (beacons.some(({ at }) => at < loadedAt)) broken.push('a beacon was sent before the page had loaded');
  if (requests.length !== OWN_REQUESTS) broken.push(`a plain visit made these requests instead of script, extras and beacon: ${requests.join(' ')}`);
  return broken;
}

async function judgeSize(servers) {
  const html = await (await fetch(servers.variants.up + PAGE)).text();
  const path = html.match(/\/_astro\/w\.[0-9a-f]{8}\/warroom\.js/)[0];
  const text = Buffer.from(await (await fetch(servers.variants.up + path)).arrayBuffer());
  const { length } = brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  return length > SCRIPT_BYTES ? [`the script has ${length} bytes with brotli, at most ${SCRIPT_BYTES}`] : [];
}

/** The same script with a task of 100 ms must be refused, or the limits above say nothing. */
async function proveItCanFail(servers, chromePath, preset, without) {
  const busy = await runLighthouse(servers.variants.busy + PAGE, preset, chromePath, REPORTS, `${preset}-busy`);
  const runs = atReferenceSpeed([...without, busy]);
  const found = judge({ with: runs.slice(-1), without: runs.slice(0, -1) });
  say(`With a task of 100 ms added it is refused: ${found.join('; ') || 'no'}`);
  return found.some((words) => words.startsWith('own ')) ? [] : ['a script with a task of 100 ms was not refused'];
}

function report(parts, broken) {
  const verdict = broken.length ? ['Broken limits:', ...broken.map((words) => `- ${words}`)] : ['All limits hold.'];
  const few = pairs < PAIRS_FOR_PERFORMANCE ? [`Performance and blocking time are not judged with fewer than ${PAIRS_FOR_PERFORMANCE} pairs.`] : [];
  const text = [...parts, ...few, ...verdict, ''].join('\n');
  writeFileSync(join(REPORTS, 'report.md'), text);
  console.log(`\n${text}`);
}

function say(words) {
  console.error(words);
}
