// Views of pages: when one begins and is left, how long it was used and how deep it was scrolled, what happened in it,
// and when that is sent: the first beacon five seconds after the load or at the first sign of life, a later one ten
// seconds after something happened, and one at hiding. Nothing is sent again.
import { noticeClick } from "./clicks.js";
import { look, unsettle } from "./elements.js";
import { reportErrors } from "./errors.js";
import { guard } from "./listening.js";
import { doc, options, script } from "./tag.js";
import { reportVitals, startVitals } from "./vitals.js";

const FIRST_SEND_MS = 5e3;
const NEXT_SEND_MS = 1e4;
const IDLE_MS = 3e4; // without a sign of life, time stops counting after this
const SETTLE_MS = 250; // after this a router has shown the next page
const LEAST_MS = 100; // leaving is announced twice, some milliseconds apart
const EVENTS_PER_VIEW = FULL ? 200 : 100; // a page gone wild is cut off here; the collector takes 100 at once
const CHARACTERS_PER_BEACON = 4e3; // one more event of at most 17,000 fits below the 64 KiB of browsers, at 3 bytes each

export let view;    // random, forgotten with the view
export let opening; // its page_view event
export let last;    // sign of life; 0 while the page is hidden, as a prerendered one is
let page;           // path of the view; 0 before the first and after leaving
let count;          // events of the view
let engaged, depth;
let isFirstSent;
let unsent;         // beacons that were lost
const endpoint = options.track || new URL("track", script.src);
const queue = [];

// Takes the fields for its own: they are the event from here on. What is told while leaving (`isEnd`) happens when it
// arrives, and is never one too many.
export const record = (name, fields, isEnd) => {
  if (FULL && JSON.stringify([queue, fields]).length > CHARACTERS_PER_BEACON) flush(); // what is no JSON ends here
  if (count < EVENTS_PER_VIEW || (FULL && isEnd)) {
    fields.name = name;
    queue.push(fields);
    if (FULL) fields.id = view + count++; // here or below, as it packs better
    if (!FULL || !isEnd) fields.at = Date.now();
    if (!FULL) fields.id = view + count++;
    if (isFirstSent) setTimeout(flush, NEXT_SEND_MS);
  }
};

export const noticeDepth = (share) => { depth = Math.max(depth, share); };

// The widget adds person, zone and language after consent: every beacon carries them. Functions are not sent.
export const api = self.warroom = guard((name, props) => record(name, name == "conversion" ? FULL ? { ...props } : props : { props }));

const flush = guard(() => {
  if (queue[0] && page) {
    look();
    // A plain string is text/plain: no preflight.
    const body = JSON.stringify({ view, page, site: options.site, events: queue.splice(0), ...api });
    isFirstSent = 1;
    navigator.sendBeacon(endpoint, body)
      || fetch(endpoint, { method: "POST", keepalive: 1, body }).catch(FULL ? () => (unsent = -~unsent) : guard);
  }
});

// What is left to say of a view: once, when it is left.
const report = () => {
  if (engaged > LEAST_MS) {
    record("engagement", { scroll_percent: 100 * depth + 0.5 | 0, engaged_ms: engaged | 0, ...(FULL && { props: unsent && { unsent } }) }, ...(FULL ? [1] : []));
  }
  engaged = 0;
  if (FULL) {
    reportErrors();
    reportVitals();
  }
  flush();
};

// What happens from here on belongs to the next view, which opens later, and in this way.
export const leaveFor = (kind) => {
  report();
  view = Math.random() + "";
  if (FULL) unsettle();
  page = depth = count = 0;
  opening = { props: { kind } };
};

// Called by all that happens. A page that is prerendered or opened in the background is hidden: its view begins when it
// is first seen. In browsers without the navigation event the next sign of life tells that the address has changed.
export const follow = guard((event) => {
  if (event.target == doc) look(); // scrolled, shown, hidden
  const now = performance.now();
  if (last) engaged += Math.min(now - last, IDLE_MS);
  last = doc.hidden ? 0 : now;
  if (FULL ? event.type < "cm" : event.type == "click") noticeClick(event); // a router may have gone on already
  if (event.type == "pagehide") leaveFor("back_forward_cache"); // if the page ever comes back
  else if (!last) report();
  else {
    if (page != location.pathname) {
      if (page) leaveFor("navigate");
      page = location.pathname;
      if (FULL) startVitals();
      if (FULL) setTimeout(guard(look), SETTLE_MS, 1);
      else look();
      record("page_view", opening);
    }
    if (doc.readyState < "i") { // "complete": nothing is sent before
      isFirstSent || (event.view ? flush() : setTimeout(follow, FIRST_SEND_MS, { view: 1 }));
    }
  }
});
