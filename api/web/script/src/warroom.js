// What readers do on a docs page. One file, no cookies, no storage; api/web/docs/script.md says how to use it.
// FULL is false in the lite build, which has no web vitals, errors and places of clicks.
import { flush, openView, page, record, sendFirst, who } from "./beacon.js";
import { noticeClick } from "./clicks.js";
import { look, settle } from "./elements.js";
import { last, noticeLife, reportEngagement, startTime } from "./engagement.js";
import { noticeError, reportErrors } from "./errors.js";
import { guard, listen } from "./listening.js";
import { doc, isSilent } from "./tag.js";
import { noticeRestored, reportVitals, startVitals, watchVitals } from "./vitals.js";

const FIRST_SEND_MS = 5e3;

const firstKind = doc.prerendering ? "prerender" : "load";
const calls = window.warroom?.q || []; // made before there was a view
let isWatching;

const api = window.warroom = guard((name, props) => {
  if (page) record(name, name == "conversion" ? props : { props });
  else if (FULL) calls.push([name, props]);
});

// Before `load` there are only listeners, and a view in memory.
const begin = () => {
  listen(FULL ? "click auxclick" : "click", noticeClick);
  listen("pagehide", leave);
  listen("visibilitychange load", show);
  listen("pageshow", ({ persisted }) => {
    if (persisted) {
      start("back_forward_cache");
      if (FULL) noticeRestored();
    }
  });
  if (FULL) listen("error unhandledrejection", noticeError);
  show();
};

const show = () => {
  follow();
  if (!last) leave();
  else isWatching ||= doc.readyState < "i" && (window.requestIdleCallback || setTimeout)(guard(watch)); // "complete"
};

const watch = () => {
  listen("keydown pointerover", hurry); // who scrolls by wheel or finger passes over things
  listen(FULL && !("onscrollend" in window) ? "scroll" : "scrollend", look);
  if (FULL) window.navigation?.addEventListener("currententrychange", guard(follow));
  if (FULL) watchVitals();
  setTimeout(guard(hurry), FIRST_SEND_MS);
};

const hurry = () => {
  follow();
  sendFirst();
};

// A page that is prerendered or opened in the background is hidden: its view begins when it is first seen.
// In browsers without the navigation event the next sign of life tells that the address has changed.
const follow = () => {
  noticeLife();
  if (last && location.pathname != page) {
    if (page) {
      report();
      flush();
      start("navigate");
    } else start(firstKind, doc.referrer.split("/")[2]);
  }
};

const start = (kind, referrer) => {
  startTime();
  if (FULL) startVitals();
  openView(kind, referrer);
  calls.splice(0).map((call) => api(...call));
  look();
};

// What is left to say of a view: once, when it is left.
const report = () => {
  settle();
  reportEngagement();
  if (FULL) {
    reportErrors();
    reportVitals();
  }
};

const leave = () => {
  follow();
  report();
  flush();
};

api.who = who;
if (!isSilent) begin();
