// How long a view was visible and used, and how deep it was scrolled.
import { record, unsent } from "./beacon.js";
import { doc } from "./tag.js";

const IDLE_MS = 3e4; // without a sign of life, time stops counting after this
const LEAST_MS = 99; // leaving is announced twice, some milliseconds apart

export let last; // sign of life; 0 while the page is hidden, as a prerendered one is
let engaged, depth;

export const startTime = () => { engaged = depth = 0; };

export const noticeLife = () => {
  const now = performance.now();
  if (last) engaged += Math.min(now - last, IDLE_MS);
  last = doc.hidden ? 0 : now;
};

export const noticeDepth = (share) => { depth = Math.max(depth, Math.min(1, share)); };

export const reportEngagement = () => {
  if (engaged > LEAST_MS) {
    const percent = 100 * depth + 0.5 | 0;
    record("engagement", { scroll_percent: percent, engaged_ms: engaged | 0, ...(FULL && { props: { unsent } }) });
  }
  engaged = 0;
};
