// The tables, in Markdown: a median with its smallest and largest value, and the difference of medians in brackets.
import { CATEGORIES } from './budgets.js';
import { chance, difference, median, newlyFailing } from './judge.js';

const COLUMNS = [
  ...CATEGORIES.map((id) => [id === 'best-practices' ? 'best practices' : id, (run) => run.scores[id], 0]),
  ['LCP ms', (run) => run.lcp, 0], ['TBT ms', (run) => run.tbt, 0], ['CLS', (run) => run.cls, 3],
  ['bytes', (run) => run.bytes, 0], ['requests', (run) => run.requests, 0],
];
const OWN_COLUMNS = [
  ['own bytes', (run) => run.ownBytes, 0], ['own script ms', (run) => run.ownMs, 1],
  ['longest', (run) => run.ownLongestMs, 1], ['own long tasks', (run) => run.ownLongTasks, 0],
];

/** One preset: a row per variant. */
export function presetTable(preset, groups, labels) {
  const heads = ['', ...COLUMNS.map(([name]) => name), ...OWN_COLUMNS.map(([name]) => name), 'newly failing audits'];
  const rows = Object.entries(groups).map(([name, runs]) => variantRow(labels[name], name, runs, groups.without));
  const all = Object.values(groups).flat().map((run) => run.benchmark);
  const chanceAlone = groups.again ? `; two runs without the script differ by ${chance(groups.without, groups.again)} points` : '';
  return [
    `### ${preset}, n = ${groups.without.length}`, '',
    row(heads), row(heads.map(() => '---')), ...rows, '',
    `Benchmark index ${spread(all, 0)}${chanceAlone}.`, '',
  ].join('\n');
}

function variantRow(label, name, runs, without) {
  const isScriptFree = name === 'without' || name === 'again';
  const measured = COLUMNS.map(([, value, digits]) => spread(runs.map(value), digits) + (name === 'without' ? '' : change(runs, without, value, digits)));
  const own = OWN_COLUMNS.map(([, value, digits]) => (isScriptFree ? '–' : spread(runs.map(value), digits)));
  return row([label, ...measured, ...own, isScriptFree ? '–' : newlyFailing(runs, without).join(', ') || 'none']);
}

function change(runs, without, value, digits) {
  const amount = difference(runs, without, value);
  return ` [${amount > 0 ? '+' : ''}${amount.toFixed(digits).replace(/^-(0(\.0*)?)$/, '$1')}]`;
}

function spread(values, digits) {
  const [middle, least, most] = [median(values), Math.min(...values), Math.max(...values)].map((value) => value.toFixed(digits));
  return least === most ? middle : `${middle} (${least}–${most})`;
}

function row(cells) {
  return `| ${cells.join(' | ')} |`;
}
