// What the script itself costs on the main thread, from a trace: the thread's clock in every outermost event of its URL.
import { LONG_TASK_MS, REFERENCE_BENCHMARK } from './budgets.js';
import { isOwnFile } from './servers.js';

const WORK = new Set(['EvaluateScript', 'v8.compile', 'v8.compileModule', 'FunctionCall']);

/** The milliseconds of each stretch, times the throttle; and whether the script started at all. */
export function ownWork(traceEvents, throttle) {
  const events = outermost(traceEvents.filter(isOwnWork));
  return {
    stretches: events.map((event) => ((event.tdur ?? event.dur) / 1000) * throttle),
    hasStarted: events.some((event) => event.name === 'FunctionCall'),
  };
}

/** The runs with their own work in total, at the longest, and in stretches of 50 ms and more. On a machine that is slower
 *  than the reference (by the best index it reached) they count less, so that a limit in ms means the same everywhere. */
export function atReferenceSpeed(runs) {
  const factor = Math.min(1, Math.max(...runs.map((run) => run.benchmark)) / REFERENCE_BENCHMARK);
  return runs.map((run) => {
    const lengths = run.ownStretches.map((length) => length * factor);
    return {
      ...run,
      ownMs: lengths.reduce((sum, length) => sum + length, 0),
      ownLongestMs: Math.max(0, ...lengths),
      ownLongTasks: lengths.filter((length) => length >= LONG_TASK_MS).length,
    };
  });
}

function isOwnWork(event) {
  if (event.ph !== 'X' || !WORK.has(event.name)) return false;
  const url = event.args?.data?.url ?? event.args?.fileName ?? '';
  return URL.canParse(url) && isOwnFile(url);
}

function outermost(events) {
  const found = [];
  const endOfThread = new Map();
  for (const event of events.toSorted((one, other) => one.ts - other.ts || other.dur - one.dur)) {
    const thread = `${event.pid}:${event.tid}`;
    if (event.ts < (endOfThread.get(thread) ?? -Infinity)) continue;
    endOfThread.set(thread, event.ts + event.dur);
    found.push(event);
  }
  return found;
}
