// Judges the runs of one variant against those without the script: a list of broken limits, empty when all hold. Pure.
import {
  CATEGORIES, CLS, HARD_AUDITS, LONGEST_OWN_MS, OWN_MS, OWN_REQUESTS, OWN_TRANSFER_BYTES, PAIRS_FOR_PERFORMANCE, TBT_MS,
} from './budgets.js';

/** `again` are further runs without the script, the pairs that show what chance alone does. */
export function judge({ with: runs, without, again = [] }) {
  const broken = [...judgeOwn(runs), ...judgeShift(runs, [...without, ...again]), ...judgeCategories(runs, without), ...judgeAudits(runs, without)];
  if (runs.length >= PAIRS_FOR_PERFORMANCE) broken.push(...judgePerformance(runs, without, again));
  return broken;
}

function judgeOwn(runs) {
  const broken = [];
  const limit = (is, most, words) => { if (is > most) broken.push(`${words}: ${round(is)}, at most ${most}`); };
  if (!runs.every((run) => run.hasRun)) broken.push('the script did not run in every run');
  limit(Math.max(...runs.map((run) => run.ownBytes)), OWN_TRANSFER_BYTES, 'own bytes');
  limit(Math.max(...runs.map((run) => run.ownRequests.length)), OWN_REQUESTS, 'own requests');
  limit(median(runs.map((run) => run.ownMs)), OWN_MS, 'own script ms');
  limit(median(runs.map((run) => run.ownLongestMs)), LONGEST_OWN_MS, 'longest own stretch, ms');
  limit(median(runs.map((run) => run.ownLongTasks)), 0, 'own long tasks');
  return broken;
}

/** A late font moves a little now and then, with and without the script: what counts is more than that. */
function judgeShift(runs, scriptFree) {
  const typical = runs.length >= PAIRS_FOR_PERFORMANCE ? median : (values) => Math.min(...values);
  const shift = typical(runs.map((run) => run.cls)) - Math.max(...scriptFree.map((run) => run.cls));
  return shift > CLS ? [`layout shift: ${round(shift)} more than ever without the script`] : [];
}

function judgeCategories(runs, without) {
  const broken = [];
  for (const category of CATEGORIES.filter((id) => id !== 'performance')) {
    const change = difference(runs, without, (run) => run.scores[category]);
    if (change < 0) broken.push(`${category}: ${change}`);
  }
  return broken;
}

/** Audits that fail with the script and not without; those that hang on times only in runs enough to tell. */
export function newlyFailing(runs, without) {
  const share = (group, id) => group.filter((run) => run.failing.includes(id)).length / group.length;
  const ids = new Set(runs.flatMap((run) => run.failing));
  return [...ids].filter((id) => {
    if (HARD_AUDITS.includes(id)) return share(without, id) === 0;
    return runs.length >= PAIRS_FOR_PERFORMANCE && share(runs, id) > 0.5 && share(without, id) <= 0.5;
  });
}

function judgeAudits(runs, without) {
  return newlyFailing(runs, without).map((id) => `newly failing audit: ${id}`);
}

function judgePerformance(runs, without, again) {
  const broken = [];
  const change = difference(runs, without, (run) => run.scores.performance);
  if (change < -1 || (change < 0 && chance(without, again) < 1)) broken.push(`performance: ${change}`);
  const blocking = difference(runs, without, (run) => run.tbt);
  if (blocking > TBT_MS) broken.push(`total blocking time: ${round(blocking)} ms more, at most ${TBT_MS}`);
  return broken;
}

/** By how many points two runs of the same page without the script differ: the median of the pairs. */
export function chance(without, again) {
  if (!again.length) return 0;
  return median(again.map((run, index) => Math.abs(run.scores.performance - without[index].scores.performance)));
}

export function difference(runs, without, value) {
  return median(runs.map(value)) - median(without.map(value));
}

export function median(values) {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function round(value) {
  return Math.round(value * 10_000) / 10_000;
}
