// The judge refuses what it must refuse. `npm test`
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from './judge.js';
import { atReferenceSpeed, ownWork } from './own_work.js';

const SCRIPT = 'http://127.0.0.1:1/_astro/w.1a2b3c4d/warroom.js';

function run(fields = {}, scores = {}) {
  return {
    scores: { performance: 100, accessibility: 100, 'best-practices': 100, seo: 100, ...scores },
    tbt: 0, lcp: 1200, cls: 0, bytes: 50_000, requests: 14, ownRequests: ['/warroom.js'], ownBytes: 2400, ownMs: 9,
    ownLongestMs: 5, ownLongTasks: 0, hasRun: true, failing: [], benchmark: 1400, ...fields,
  };
}

const times = (count, make) => Array.from({ length: count }, make);

test('equal runs hold every limit', () => {
  assert.deepEqual(judge({ with: times(7, run), without: times(7, run), again: times(7, run) }), []);
});

for (const [fields, words] of [
  [{ hasRun: false }, /did not run/], [{ ownBytes: 4300 }, /own bytes/], [{ ownRequests: ['a', 'b', 'c', 'd'] }, /own requests/],
  [{ ownMs: 41 }, /own script ms/], [{ ownLongestMs: 17 }, /longest own/], [{ ownLongTasks: 1 }, /long tasks/],
  [{ cls: 0.01 }, /layout shift/], [{ failing: ['errors-in-console'] }, /errors-in-console/],
]) test(`two pairs are enough to refuse ${JSON.stringify(fields)}`, () => {
  assert.match(judge({ with: times(2, () => run(fields)), without: times(2, run) }).join(), words);
});

test('one console error in seven runs is refused, unless the page has it without the script', () => {
  const runs = [run({ failing: ['errors-in-console'] }), ...times(6, run)];
  assert.match(judge({ with: runs, without: times(7, run) }).join(), /errors-in-console/);
  assert.deepEqual(judge({ with: runs, without: runs }), []);
});

test('a lower category is refused', () => {
  const runs = times(2, () => run({}, { 'best-practices': 96 }));
  assert.match(judge({ with: runs, without: times(2, run) }).join(), /best-practices: -4/);
});

test('a point of performance counts only when chance alone does not make one', () => {
  const runs = times(7, () => run({}, { performance: 99 }));
  const noisy = times(7, () => run({}, { performance: 98 }));
  assert.match(judge({ with: runs, without: times(7, run), again: times(7, run) }).join(), /performance: -1/);
  assert.deepEqual(judge({ with: runs, without: times(7, run), again: noisy }), []);
  const worse = times(7, () => run({}, { performance: 98 }));
  assert.match(judge({ with: worse, without: times(7, run), again: noisy }).join(), /performance: -2/);
});

test('times are judged from seven pairs on', () => {
  const slow = () => run({ tbt: 30, failing: ['total-blocking-time'] });
  assert.deepEqual(judge({ with: times(2, slow), without: times(2, run) }), []);
  const found = judge({ with: times(7, slow), without: times(7, run) }).join();
  assert.match(found, /total blocking time/);
  assert.match(found, /audit: total-blocking-time/);
});

test('own work is the outermost events of the script, on the thread clock', () => {
  const event = (name, ts, dur, tdur, url = SCRIPT) => ({ ph: 'X', name, ts, dur, tdur, pid: 1, tid: 1, args: { data: { url } } });
  const events = [
    event('EvaluateScript', 0, 4000, 3000), event('FunctionCall', 1000, 1000, 1000),
    event('FunctionCall', 9000, 20_000, 15_000), event('FunctionCall', 50_000, 9000, 9000, 'http://127.0.0.1:1/other.js'),
  ];
  assert.deepEqual(ownWork(events, 4), { stretches: [12, 60], hasStarted: true });
});

test('on a machine half as fast as the reference, own work counts half', () => {
  const runs = [{ ownStretches: [12, 60], benchmark: 300 }, { ownStretches: [120], benchmark: 700 }];
  const [first, second] = atReferenceSpeed(runs);
  assert.deepEqual([first.ownMs, first.ownLongestMs, first.ownLongTasks], [36, 30, 0]);
  assert.deepEqual([second.ownMs, second.ownLongestMs, second.ownLongTasks], [60, 60, 1]);
  assert.equal(atReferenceSpeed([{ ownStretches: [10], benchmark: 2800 }])[0].ownMs, 10);
});

test('a shift that the page shows without the script too is not the doing of the script', () => {
  const moved = () => run({ cls: 0.003 });
  assert.match(judge({ with: times(7, moved), without: times(7, run), again: times(7, run) }).join(), /layout shift/);
  assert.deepEqual(judge({ with: times(7, moved), without: times(7, run), again: [moved(), ...times(6, run)] }), []);
});
