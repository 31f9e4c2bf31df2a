// LCP, INP, CLS, FCP and TTFB with the element to blame, told once in a view when it is left.
// LCP, FCP and TTFB belong to the load (LCP also to a return from the back/forward cache), CLS and INP to the view.
import { page, record, view } from "./beacon.js";
import { selectorOf } from "./selector.js";
import { last } from "./engagement.js";
import { guard } from "./listening.js";
import { doc } from "./tag.js";

const hasPaint = !doc.hidden == !doc.prerendering; // not when first opened in the background

let vitals;             // metric: [value, element]; 0 when they are told
let viewStart;
let sum, windowStart, lastShift;

export const watchVitals = () => {
  const navigation = performance.getEntriesByType("navigation")[0];
  const firstView = hasPaint && view;
  const noticePaint = ({ startTime, element, name }) => { // after first-paint comes first-contentful-paint
    if (view == firstView) {
      const start = ~~navigation.activationStart; // a page is seen a moment before it is known when it was activated
      vitals.TTFB = [navigation.responseStart - start];
      vitals[name ? "FCP" : "LCP"] = [startTime - start, element];
    }
  };
  const actions = {
    paint: noticePaint,
    "largest-contentful-paint": noticePaint,
    "layout-shift": noticeShift,
    "first-input": noticeInteraction,
    event: noticeInteraction,
  };
  PerformanceObserver.supportedEntryTypes.map((type) => actions[type]
    && new PerformanceObserver(guard((list) => list.getEntries().map(actions[type]))).observe({ type, buffered: true, durationThreshold: 40 }));
};

export const startVitals = () => {
  viewStart = page && last;
  vitals = window.LayoutShift ? { CLS: [0] } : {};
  lastShift = 0;
};

export const noticeRestored = () => requestAnimationFrame(() => (vitals.LCP = [performance.now() - viewStart]));

const noticeInteraction = ({ interactionId, startTime, duration, target }) => {
  if (interactionId && !(startTime < viewStart || duration < vitals.INP?.[0])) vitals.INP = [duration, target];
};

// Shifts count in windows with gaps below a second, of five seconds at most; the worst window is the value.
const noticeShift = ({ hadRecentInput, startTime, value, sources }) => {
  if (!hadRecentInput) {
    if (!(startTime - lastShift < 1e3 && startTime - windowStart < 5e3)) {
      sum = 0;
      windowStart = startTime;
    }
    lastShift = startTime;
    sum += value;
    if (sum > vitals.CLS[0]) vitals.CLS = [sum, sources[0]?.node];
  }
};

export const reportVitals = () => {
  Object.entries(vitals).map(([metric, [value, element]]) =>
    record("web_vital", { props: { metric, element: element && selectorOf(element), value: Math.max(0, 1e3 * value | 0) / 1e3 } }));
  vitals = 0;
};
