// LCP, INP, CLS, FCP and TTFB with the element to blame, told when a view is left or hidden, and again when it is left
// later with another value: the last one told of a view counts.
// LCP, FCP and TTFB belong to the load (LCP also to a return from the back/forward cache), CLS and INP to the view.
import { last, opening, record } from "./views.js";
import { guard } from "./listening.js";
import { selectorOf } from "./selector.js";
import { doc } from "./tag.js";

let hasPaint = !doc.hidden == !doc.prerendering; // not when first opened in the background

let vitals;             // metric: [value, element, whether it is told]
let presses;            // by interaction: [duration, element]; the slowest is the value, of many one of the slowest
let pressesBefore;
let viewStart;
let sum, windowStart, lastShift;

const watchVitals = () => {
  const navigation = performance.getEntriesByType("navigation")[0];
  const noticePaint = ({ startTime, element, name }) => { // after first-paint comes first-contentful-paint
    if (hasPaint) {
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
    && new PerformanceObserver(guard((list) => list.getEntries().map(actions[type]))).observe({ type, buffered: 1, durationThreshold: 40 }));
};

export const startVitals = () => {
  viewStart = vitals ? last : setTimeout(guard(watchVitals)); // a small number: nothing was before the first view
  vitals = { CLS: window.LayoutShift && [0] };
  presses = {};
  pressesBefore = performance.interactionCount;
  lastShift = 0;
  if (opening.props.kind < "c") requestAnimationFrame((now) => (vitals.LCP = [now - viewStart]));
};

const noticeInteraction = ({ startTime, duration, target, interactionId }) => {
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
  if (vitals) {
    vitals.INP = Object.values(presses).sort((one, other) => other[0] - one[0])
      .slice(0, (performance.interactionCount - pressesBefore | 0) / 50 + 1).pop();
    Object.keys(vitals).map((metric) => {
      const found = vitals[metric];
      if (found && !found[2]) record("web_vital", { props: { metric, element: found[1] && selectorOf(found[1]), value: +Math.max(0, found[0]).toPrecision(4) } }, found[2] = 1);
    });
    hasPaint = 0; // what is painted after a change of the tab was waiting for its reader
  }
};
