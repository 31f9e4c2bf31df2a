// What happened in a page view, and when it is sent: the first beacon five seconds after the start or at the first
// sign of life, a later one ten seconds after something happened, and one at hiding. Nothing is sent again.
import { settle } from "./elements.js";
import { guard } from "./listening.js";
import { options, script } from "./tag.js";

const NEXT_SEND_MS = 1e4;
const EVENTS_PER_VIEW = 200;       // a page gone wild is cut off here
const CHARACTERS_PER_BEACON = 4e3; // one more event of at most 17,000 fits below the 64 KiB of browsers, at 3 bytes each

export let page;                   // path of the view; undefined before the first
export let view;                   // random, forgotten with the view
export let opening;                // its page_view event
export let unsent;                 // beacons that were lost
const endpoint = options.track || new URL("track", script.src);
let count;                         // events of the view
let queue = [];
let timer;                         // 0 when none is running; undefined before the first beacon

export const openView = (kind, referrer) => {
  view = Math.random().toString(36);
  page = location.pathname;
  count = 0;
  opening = { referrer: referrer == location.host ? undefined : referrer, props: { kind } };
  record("page_view", opening);
};

// Takes the fields for its own: they are the event from here on.
export const record = (name, fields) => {
  if (FULL && JSON.stringify([queue, fields]).length > CHARACTERS_PER_BEACON) flush(); // what is no JSON ends here
  if (count < EVENTS_PER_VIEW) queue.push(Object.assign(fields, { id: view + count++, name, at: Date.now() }));
  if (timer == 0) timer = setTimeout(guard(flush), NEXT_SEND_MS);
};

// What every beacon carries: the widget adds person, zone and language after consent. A function is not sent.
export const who = FULL ? { record } : {};

export const sendFirst = () => timer ?? flush();

export const flush = () => {
  const events = queue;
  queue = [];
  clearTimeout(timer);
  timer = 0;
  settle();
  if (events[0]) {
    const body = JSON.stringify({ site: options.site, ...who, view, page, events });
    // A plain string is text/plain: no preflight.
    const isTaken = navigator.sendBeacon(endpoint, body);
    if (FULL && !isTaken) fetch(endpoint, { keepalive: true, method: "POST", body }).catch(() => (unsent = -~unsent));
  }
};
