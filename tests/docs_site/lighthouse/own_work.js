// What the script itself costs on the main thread, from a trace: the thread's clock in every outermost event of its URL.
import { LONG_TASK_MS } from './budgets.js';
import { isOwnScript } from './servers.js';

const WORK = new Set(['EvaluateScript', 'v8.compile', 'v8.compileModule', 'FunctionCall']);

/** Milliseconds times `slowdown`: total, longest stretch, stretches of 50 ms and more; and whether it started at all. */
export function ownWork(traceEvents, slowdown) {
  const stretches = outermost(traceEvents.filter(isOwnWork));
  const lengths = stretches.map((event) => ((event.tdur ?? event.dur) / 1000) * slowdown);
  return {
    totalMs: lengths.reduce((sum, length) => sum + length, 0),
    longestMs: Math.max(0, ...lengths),
    longTasks: lengths.filter((length) => length >= LONG_TASK_MS).length,
    hasStarted: stretches.some((event) => event.name === 'FunctionCall'),
  };
}

function isOwnWork(event) {
  if (event.ph !== 'X' || !WORK.has(event.name)) return false;
  const url = event.args?.data?.url ?? event.args?.fileName ?? '';
  return URL.canParse(url) && isOwnScript(url);
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
