// What readers do on a docs page. One file, no cookies, no storage; api/web/docs/script.md says how to use it.
// FULL is false in the lite build, which has no web vitals, errors and places of clicks.
import "./tag.js";
import { guard } from "./listening.js";
import "./elements.js";
import { calls, doc, mayTell } from "./tag.js";

import { api, follow, leaveFor, opening, record } from "./views.js";
import { noticeError } from "./errors.js";

api.q = api;
api.record = record;

// Before `load` nothing is sent: there are listeners, observers and a view in memory.
if (mayTell()) {
  leaveFor(doc.prerendering ? "prerender" : "load");
  const host = doc.referrer.split("/")[2];
  if (host != location.host) opening.referrer = host;
  ["click", ...(FULL ? ["auxclick"] : []), "keydown", "pagehide", "visibilitychange", "pointerover",
    "onscrollend" in self ? "scrollend" : "scroll", "pageshow"].map((name) => addEventListener(name, follow, 1));
  if (FULL) ["error", "unhandledrejection"].map((name) => addEventListener(name, guard(noticeError), 1));
  if (FULL) window.navigation?.addEventListener("currententrychange", (event) => setTimeout(follow, 0, event)); // after the click
  follow(api);
  calls.map((call) => api(...call));
}
