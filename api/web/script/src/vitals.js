// LCP, INP, CLS, FCP and TTFB with the element to blame, told once in a view when it is left.
// LCP, FCP and TTFB belong to the load (LCP also to a return from the back/forward cache), CLS and INP to the view.
import { last, opening, recordAtEnd, view } from "./views.js";
import { guard } from "./listening.js";
import { selectorOf } from "./selector.js";
import { doc } from "./tag.js";

const hasPaint = !doc.hidden == !doc.prerendering; // not when first opened in the background

let vitals;             // metric: [value, element]; 0 when they are told
let presses;            // by interaction: [duration, element]; the slowest is the value, of many one of the slowest
let pressesBefore;
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
  viewStart = vitals != null && last;
  vitals = window.LayoutShift ? { CLS: [0] } : {};
  presses = {};
  pressesBefore = performance.interactionCount;
  lastShift = 0;
  if (opening.props.kind[0] == "b") requestAnimationFrame(() => (vitals.LCP = [performance.now() - viewStart]));
};

const noticeInteraction = ({ interactionId, startTime, duration, target }) => {
  if (interactionId && !(startTime < viewStart || duration < presses[interactionId]?.[0])) presses[interactionId] = [duration, target];
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
  if (vitals) vitals.INP = Object.values(presses).sort((one, other) => other[0] - one[0])
    .slice(0, (performance.interactionCount - pressesBefore | 0) / 50 + 1).pop();
  for (const metric in vitals) {
    const [value, element] = vitals[metric] || [];
    if (value != null) recordAtEnd("web_vital", { metric, element: element && selectorOf(element), value: +Math.max(0, value).toPrecision(4) });
  }
  vitals = 0;
};
