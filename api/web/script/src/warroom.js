// What readers do on a docs page: views, clicks, engaged time, scroll depth, tutorial steps, experiments, goals.
// No cookies, no build step, and it never throws into the page. The tag:
//   <script defer src="https://feedback.example.com/warroom.js" data-site="docs"></script>
// data-api         another origin or path prefix for the endpoints; default: where this file came from
// data-language    language of the page's visitors; default: the page's own
// data-prompts     after warroom("consent", true) one random id is kept, so that this reader can be asked one question
// data-prompt-delay  milliseconds from load to that question; default 10000
// data-allow-automation  count browsers driven by a program too (tests)
(() => {
  "use strict";

  const script = document.currentScript;
  const early = window.warroom; // a page may define a stub that collects calls in `q`
  if (!script || !script.dataset.site || (early && early.version)) return; // included twice, or run again by a router

  const FIRST_SEND_MS = 5000;       // the first beacon waits this long for a first interaction
  const AFTER_INTERACTION_MS = 400; // lets the click that follows a press travel in the same beacon
  const NEXT_SEND_MS = 10000;       // later events wait for each other
  const IDLE_MS = 30000;            // without a sign of life, time stops counting after this
  const SCROLL_PAUSE_MS = 250;      // the layout is asked at most this often
  const LOOK_AGAIN_MS = 2000;       // how often a waiting question checks whether the reader is free
  const ASK_PAUSE_MS = 30000;       // least time between two requests for a question
  const EVENTS_PER_VIEW = 200;      // a page gone wild is cut off here
  const EVENTS_PER_BEACON = 100;    // what /track takes in one body
  const BYTES_PER_BEACON = 60000;   // a browser drops beacons above 64 KiB without a sign
  const STORAGE_KEY = "warroom.id";

  const options = script.dataset;
  const site = options.site;
  const api = (options.api ? new URL(options.api, location.href).href : new URL(script.src).origin).replace(/\/$/, "");
  const language = (options.language || document.documentElement.lang || "").slice(0, 35);
  const keepsPerson = "prompts" in options;
  const promptDelayMs = Number(options.promptDelay) || 10000;
  const refused = navigator.globalPrivacyControl === true || [navigator.doNotTrack, window.doNotTrack].includes("1");
  const silent = refused || (navigator.webdriver && !("allowAutomation" in options));

  let view = null;           // the page view that is going on
  let undescribed = null;    // a page_view event whose title is not settled yet
  let person = null;         // the consented id
  let sentOnce = false;
  let sendTimer = 0;
  let promptTimer = 0;
  let scrollTimer = 0;
  let askedAt = -Infinity;
  let asked = false;         // one question per page load at most
  let viewportHeight = 0;
  let pageHeight = 0;
  let queue = [];
  let screenObserver = null;
  let doneObserver = null;
  const stepsInView = new Set();

  const quietly = (action) => (...args) => {
    try { return action(...args); } catch { return undefined; } // the page must never notice our mistakes
  };
  const isVisible = () => document.visibilityState === "visible";
  const listen = (target, names, action) =>
    names.split(" ").forEach((name) => target.addEventListener(name, quietly(action), { capture: true, passive: true }));

  window.warroom = quietly(call);
  window.warroom.version = 1;
  if (!silent) quietly(begin)();
  for (const args of (early && early.q) || []) window.warroom(...args);

  // warroom("event", name, props), warroom("goal", name, {value_cents, currency}), warroom("consent", true | false),
  // warroom("person") → the consented id or null, warroom("scan") after content was added.
  function call(what, name, details) {
    if (what === "consent") return name ? giveConsent() : withdrawConsent();
    if (what === "person") return person;
    if (silent) return undefined;
    if (what === "event") record(String(name).slice(0, 64), { props: tidyProps(details) });
    if (what === "goal") record("conversion", { goal: String(name).slice(0, 64), ...moneyOf(details || {}) });
    if (what === "scan") watchElements();
    return undefined;
  }

  function begin() {
    if (keepsPerson) person = storedPerson();
    listen(document, "click auxclick", noticeClick);
    listen(document, "submit", (event) => noticeGoal(event.target));
    listen(document, "pointerdown keydown wheel touchstart", () => { noticeLife(); hurryFirstBeacon(); });
    listen(document, "pointermove", noticeLife);
    listen(document, "scroll", () => { noticeLife(); noticeScroll(); });
    listen(document, "visibilitychange", () => (isVisible() ? comeBack() : leave()));
    listen(window, "pagehide", leave);
    listen(window, "pageshow", (event) => { if (event.persisted) startView(); });
    watchAddress();
    watchHeights();
    if (document.prerendering) listen(document, "prerenderingchange", startWhenIdle);
    else startWhenIdle();
  }

  function startWhenIdle() {
    whenLoaded(() => whenIdle(() => { if (!view && isVisible()) startView(); }));
  }

  function whenLoaded(action) {
    if (document.readyState === "complete") quietly(action)();
    else window.addEventListener("load", quietly(action), { once: true });
  }

  function whenIdle(action) {
    if (window.requestIdleCallback) requestIdleCallback(quietly(action), { timeout: 1000 });
    else setTimeout(quietly(action), 1);
  }

  function startView() {
    const first = !view;
    view = {
      id: randomId(8), page: location.pathname.slice(0, 1000), recorded: 0, noted: new Set(),
      engagedMs: 0, activeSince: isVisible() ? performance.now() : null, depth: 0, toldDepth: 0,
    };
    undescribed = record("page_view", { referrer: first ? referrerHost() : undefined });
    noticeDepth();
    whenIdle(() => { watchElements(); setTimeout(quietly(describeView), 50); }); // a router sets the title a moment later
    if (person) planPrompt(promptDelayMs);
  }

  function describeView() {
    if (!undescribed) return;
    if (document.title) undescribed.title = document.title.slice(0, 200);
    if (document.querySelector("[data-warroom-click]")) undescribed.marked = true;
    undescribed = null;
  }

  function referrerHost() {
    try {
      const host = new URL(document.referrer).host;
      return host && host !== location.host ? host : undefined;
    } catch { return undefined; }
  }

  function watchAddress() {
    const changed = quietly(() => {
      if (!view || location.pathname.slice(0, 1000) === view.page) return;
      describeView();
      reportEngagement();
      startView();
    });
    if (window.navigation) {
      navigation.addEventListener("currententrychange", changed);
      return;
    }
    window.addEventListener("popstate", changed);
    for (const name of ["pushState", "replaceState"]) {
      const original = history[name];
      history[name] = function (...args) {
        const result = original.apply(this, args);
        changed();
        return result;
      };
    }
  }

  function leave() {
    if (!view && isVisible() && !document.prerendering) startView(); // gone before `load`
    if (!view) return;
    reportEngagement();
    view.activeSince = null;
    flush();
  }

  function comeBack() {
    if (!view) startWhenIdle(); // opened in a background tab: the view begins when it is first seen
    else view.activeSince = performance.now();
  }

  function noticeLife() {
    if (!view || view.activeSince === null) return;
    const now = performance.now();
    if (now - view.activeSince < 1000) return;
    countTime(now);
  }

  function countTime(now) {
    if (view.activeSince !== null) view.engagedMs += Math.min(now - view.activeSince, IDLE_MS);
    view.activeSince = now;
  }

  function noticeScroll() {
    if (scrollTimer) return;
    scrollTimer = setTimeout(quietly(() => { scrollTimer = 0; noticeDepth(); }), SCROLL_PAUSE_MS);
  }

  function noticeDepth() {
    if (!view || !pageHeight) return;
    const percent = Math.round((100 * (window.scrollY + viewportHeight)) / pageHeight);
    view.depth = Math.max(view.depth, Math.min(100, percent));
  }

  // Inside the observer's callback the layout is fresh, so these reads cost nothing.
  function watchHeights() {
    const observer = new ResizeObserver(quietly(() => {
      viewportHeight = window.innerHeight;
      pageHeight = document.documentElement.scrollHeight;
      noticeDepth();
    }));
    observer.observe(document.documentElement);
    if (document.body) observer.observe(document.body);
  }

  // Times add up over the reports of one view; the deepest scroll counts.
  function reportEngagement() {
    countTime(performance.now());
    const engaged = Math.round(view.engagedMs);
    if (!engaged && view.depth === view.toldDepth) return;
    view.engagedMs = 0;
    view.toldDepth = view.depth;
    view.recorded = Math.min(view.recorded, EVENTS_PER_VIEW - 1); // the last word is never cut off
    record("engagement", { engaged_ms: engaged, scroll_percent: view.depth });
  }

  function noticeClick(event) {
    const element = event.target instanceof Element ? event.target : null;
    if (!element || (event.type === "auxclick" && event.button !== 1)) return;
    const marked = element.closest("[data-warroom-click]");
    const outbound = outboundHost(element.closest("a[href]"));
    if (marked) record("click", { target: marked.dataset.warroomClick.slice(0, 200), marked: true });
    else if (outbound) record("click", { target: outbound });
    const goal = element.closest("[data-warroom-goal]");
    if (goal && goal.tagName !== "FORM") noticeGoal(goal);
    const done = element.closest("[data-warroom-done]:not([data-warroom-step])");
    const step = done && done.closest("[data-warroom-step]");
    if (step) step.setAttribute("data-warroom-done", "");
  }

  function outboundHost(link) {
    return link && /^https?:$/.test(link.protocol) && link.host !== location.host ? link.host : null;
  }

  function noticeGoal(element) {
    const data = element.dataset || {};
    if (!data.warroomGoal) return;
    const money = { value_cents: Number(data.warroomValueCents), currency: data.warroomCurrency };
    record("conversion", { goal: data.warroomGoal.slice(0, 64), ...moneyOf(money) });
  }

  function moneyOf({ value_cents: cents, currency }) {
    return Number.isInteger(cents) && cents && currency ? { value_cents: cents, currency: String(currency) } : {};
  }

  // Tutorial steps and experiments count when they are on screen.
  function watchElements() {
    if (screenObserver) screenObserver.disconnect();
    if (doneObserver) doneObserver.disconnect();
    stepsInView.clear();
    screenObserver = new IntersectionObserver(quietly((entries) => entries.forEach(noticeOnScreen)), {
      threshold: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1],
    });
    doneObserver = new MutationObserver(quietly((changes) => changes.forEach(({ target }) => noticeStepDone(target))));
    for (const element of document.querySelectorAll("[data-warroom-step],[data-warroom-experiment]")) {
      screenObserver.observe(element);
      if (element.hasAttribute("data-warroom-step"))
        doneObserver.observe(element, { attributes: true, attributeFilter: ["data-warroom-done"] });
    }
  }

  function noticeOnScreen(entry) {
    const element = entry.target;
    const screen = entry.rootBounds ? entry.rootBounds.height : viewportHeight;
    const shown = entry.intersectionRatio >= 0.5 || (screen > 0 && entry.intersectionRect.height >= screen / 2);
    if (element.hasAttribute("data-warroom-step")) {
      if (shown) stepsInView.add(element);
      else stepsInView.delete(element);
      if (shown) noticeStep(element);
    }
    const { warroomExperiment: experiment, warroomVariant: variant } = element.dataset;
    if (shown && experiment && variant && isNew(`exposure ${experiment} ${variant}`))
      record("exposure", { experiment: experiment.slice(0, 64), variant: variant.slice(0, 64) });
  }

  function noticeStep(element) {
    const step = stepOf(element);
    if (step && isNew(`step ${step.sequence} ${step.step}`)) record("sequence_step", step);
    noticeStepDone(element);
  }

  function noticeStepDone(element) {
    const step = element.hasAttribute("data-warroom-done") ? stepOf(element) : null;
    if (step && isNew(`done ${step.sequence} ${step.step}`)) record("sequence_step", { ...step, done: true });
  }

  function stepOf({ dataset }) {
    const step = Number(dataset.warroomStep);
    const steps = Number(dataset.warroomSteps);
    if (!dataset.warroomSequence || !Number.isInteger(step) || step < 1) return null;
    return { sequence: dataset.warroomSequence.slice(0, 64), step, steps: steps >= step ? steps : undefined };
  }

  function isNew(note) {
    if (!view || view.noted.has(note)) return false;
    view.noted.add(note);
    return true;
  }

  function record(name, fields) {
    if (!view) {
      if (document.prerendering) return null;
      startView();
    }
    if (view.recorded >= EVENTS_PER_VIEW) return null;
    view.recorded += 1;
    const event = { id: randomId(8), name, at: Date.now(), view: view.id, page: view.page, ...fields };
    queue.push(event);
    if (queue.length >= EVENTS_PER_BEACON) flush();
    else sendLater(sentOnce ? NEXT_SEND_MS : FIRST_SEND_MS);
    return event;
  }

  function sendLater(ms) {
    if (!sendTimer) sendTimer = setTimeout(() => whenLoaded(flush), ms);
  }

  function hurryFirstBeacon() {
    if (sentOnce || !sendTimer) return;
    clearTimeout(sendTimer);
    sendTimer = 0;
    sendLater(AFTER_INTERACTION_MS);
  }

  function flush() {
    clearTimeout(sendTimer);
    sendTimer = 0;
    describeView();
    while (queue.length) send(takeBatch());
  }

  function takeBatch() {
    const encoder = new TextEncoder();
    let bytes = 0;
    let count = 0;
    while (count < queue.length && count < EVENTS_PER_BEACON) {
      bytes += encoder.encode(JSON.stringify(queue[count])).length + 1;
      if (count && bytes > BYTES_PER_BEACON) break;
      count += 1;
    }
    return queue.splice(0, count);
  }

  function send(events) {
    const consented = person ? { person, zone: timeZone() } : {};
    const body = JSON.stringify({ site, events, ...consented, language: language || undefined });
    sentOnce = true;
    let accepted = false;
    try { accepted = navigator.sendBeacon(`${api}/track`, body); } catch { /* missing or blocked: fetch below */ }
    if (accepted) return;
    // A plain string is text/plain: no preflight.
    fetch(`${api}/track`, { method: "POST", body, keepalive: true, mode: "no-cors", credentials: "omit" }).catch(() => {});
  }

  function tidyProps(props) {
    const entries = Object.entries(props || {}).filter(([, value]) => ["string", "boolean"].includes(typeof value) || Number.isFinite(value));
    if (!entries.length) return undefined;
    return Object.fromEntries(entries.slice(0, 30).map(([key, value]) => [
      key.slice(0, 64), typeof value === "string" ? value.slice(0, 500) : value,
    ]));
  }

  function randomId(bytes) {
    return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function timeZone() {
    try { return Intl.DateTimeFormat().resolvedOptions().timeZone || undefined; } catch { return undefined; }
  }

  function storedPerson() {
    try { return localStorage.getItem(STORAGE_KEY); } catch { return null; } // storage may be forbidden
  }

  function giveConsent() {
    if (!keepsPerson || silent) return null; // the browser's "do not track me" outranks a click
    person = storedPerson() || randomId(16);
    try { localStorage.setItem(STORAGE_KEY, person); } catch { person = null; }
    if (person && view) planPrompt(promptDelayMs);
    return person;
  }

  function withdrawConsent() {
    person = null;
    clearTimeout(promptTimer);
    promptTimer = 0;
    try { localStorage.removeItem(STORAGE_KEY); } catch { /* nothing was stored then */ }
    return null;
  }

  function planPrompt(ms) {
    if (asked) return;
    clearTimeout(promptTimer);
    promptTimer = setTimeout(quietly(askForPrompt), ms);
  }

  // Asking claims the question on the server, so it is asked only when it could be shown.
  function askForPrompt() {
    promptTimer = 0;
    if (!person || asked) return;
    const pause = askedAt + ASK_PAUSE_MS - performance.now();
    if (isBusy() || pause > 0) return planPrompt(isBusy() ? LOOK_AGAIN_MS : pause);
    askedAt = performance.now();
    const query = new URLSearchParams({ site, person });
    if (language) query.set("language", language);
    if (timeZone()) query.set("zone", timeZone());
    fetch(`${api}/prompts/next?${query}`, { credentials: "omit" })
      .then((answer) => (answer.status === 200 ? answer.json() : null))
      .then((prompt) => { if (prompt && prompt.prompt && person) { asked = true; showWhenFree(prompt); } })
      .catch(() => {});
  }

  function isBusy() {
    if (!isVisible()) return true;
    for (const step of stepsInView) if (step.isConnected && !step.hasAttribute("data-warroom-done")) return true;
    const field = document.activeElement;
    if (!field) return false;
    return field.isContentEditable
      || field.matches("textarea, input:not([type=checkbox],[type=radio],[type=button],[type=submit],[type=reset])");
  }

  function showWhenFree(prompt) {
    if (isBusy()) return setTimeout(quietly(() => showWhenFree(prompt)), LOOK_AGAIN_MS);
    return loadWidget(quietly((widget) => widget.showPrompt(prompt, { api, site, person, language })));
  }

  function loadWidget(use) {
    if (window.warroomWidget) return use(window.warroomWidget);
    const element = document.createElement("script");
    element.src = new URL("widget.js", script.src).href;
    element.addEventListener("load", () => use(window.warroomWidget));
    document.head.append(element);
    return undefined;
  }
})();
