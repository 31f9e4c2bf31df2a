// What scripts add to the dashboard: sign-in by link, the live War Room, keys, values under the pointer.
// Every page works without this file.
(() => {
  "use strict";

  const QUIET_SAY_MS = 30000; // screen readers hear of new posts at most this often
  const TOP_OF_PAGE_PX = 160; // nearer to the top than this, new posts show by themselves
  const KEY_PAUSE_MS = 1500;  // how long "g" waits for the second letter

  const find = (selector, inside = document) => inside.querySelector(selector);
  const findAll = (selector, inside = document) => [...inside.querySelectorAll(selector)];

  // Sign-in: the token never leaves the fragment until the button is pressed.
  function readSignInLink() {
    const form = find("#sign-in");
    if (!form) return;
    const take = () => {
      const token = location.hash.slice(1);
      if (!/^[\w-]{20,200}$/.test(token)) return;
      find("#token").value = token;
      find("#by-hand").hidden = true;
      find("#by-link").hidden = false;
      history.replaceState(null, "", location.pathname + location.search);
      find("button", form).focus();
    };
    take();
    addEventListener("hashchange", take);
  }

  // The bar: choosing is enough, the button stays for keyboards and for more than one change.
  function watchBar() {
    const bar = find("#bar");
    if (!bar) return;
    for (const control of findAll("select", bar)) {
      let byKeyboard = false;
      control.addEventListener("keydown", () => { byKeyboard = true; });
      control.addEventListener("pointerdown", () => { byKeyboard = false; });
      control.addEventListener("change", () => { if (!byKeyboard) bar.requestSubmit(); });
    }
    // Empty fields stay out of the address.
    bar.addEventListener("formdata", (event) => {
      for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
    });
  }

  // The War Room: rows come ready-made from our own server, which escapes every word in them.
  function goLive() {
    const feed = find("#feed[data-stream]");
    if (!feed || !window.EventSource) return;
    const state = find("#live-state"), pause = find("#pause"), showNew = find("#show-new");
    const waiting = new Map();
    let paused = false, lastSaid = -Infinity, unsaid = 0;

    const setState = (words, isLive) => {
      state.textContent = words;
      state.classList.toggle("is-live", isLive);
    };
    const isBusy = (post) => post.contains(document.activeElement) && document.activeElement.matches("textarea, input")
      || Boolean(find("details[open]", post));
    const place = (post) => {
      const old = document.getElementById(post.id);
      if (old) {
        if (old.dataset.mark !== post.dataset.mark && !isBusy(old)) old.replaceWith(post);
        return false;
      }
      const next = findAll(".post", feed).find((other) => Number(other.dataset.order) < Number(post.dataset.order));
      post.classList.add("is-fresh");
      feed.insertBefore(post, next || null);
      find("#feed-empty").hidden = true;
      return true;
    };
    const say = (count) => {
      unsaid += count;
      if (!unsaid || performance.now() - lastSaid < QUIET_SAY_MS) return;
      lastSaid = performance.now();
      find("#said").textContent = unsaid === 1 ? "1 new message" : `${unsaid} new messages`;
      unsaid = 0;
    };
    const offer = () => {
      showNew.hidden = waiting.size === 0;
      showNew.textContent = `${waiting.size} new`;
    };
    const showWaiting = () => {
      for (const post of waiting.values()) place(post);
      waiting.clear();
      offer();
    };
    const take = (html) => {
      const box = document.createElement("template");
      box.innerHTML = html;
      let fresh = 0;
      const mayInsert = !paused && scrollY < TOP_OF_PAGE_PX;
      for (const post of [...box.content.querySelectorAll(".post")].reverse()) {
        const isKnown = Boolean(document.getElementById(post.id));
        if (isKnown || mayInsert) fresh += place(post) ? 1 : 0;
        else {
          fresh += waiting.has(post.id) ? 0 : 1;
          waiting.set(post.id, post);
        }
      }
      offer();
      say(fresh);
    };
    const source = new EventSource(feed.dataset.stream);
    source.addEventListener("open", () => setState(paused ? "Paused" : "Live", !paused));
    source.addEventListener("posts", (event) => take(JSON.parse(event.data)));
    source.addEventListener("ended", () => {
      source.close();
      setState("Not live any more: sign in again", false);
    });
    source.addEventListener("error", () => setState(source.readyState === EventSource.CLOSED
      ? "Not live any more: load the page again" : "Connecting again …", false));
    pause.hidden = false;
    pause.addEventListener("click", () => {
      paused = !paused;
      pause.setAttribute("aria-pressed", String(paused));
      pause.textContent = paused ? "Go on" : "Pause";
      setState(paused ? "Paused" : "Live", !paused);
      if (!paused) showWaiting();
    });
    showNew.addEventListener("click", () => {
      showWaiting();
      scrollTo({ top: 0 });
      find("#main").focus({ preventScroll: true });
    });
    addEventListener("scroll", () => { if (!paused && waiting.size && scrollY < 8) showWaiting(); }, { passive: true });
    addEventListener("pagehide", () => source.close());
  }

  // Charts: the table under the chart holds the values, the pointer chooses one.
  function watchCharts() {
    for (const box of findAll("[data-chart]")) {
      const rows = findAll("tbody tr", box.parentElement);
      const tip = document.createElement("p");
      tip.className = "chart-tip";
      tip.hidden = true;
      box.append(tip);
      for (const svg of findAll("svg[data-plot]", box)) watchChart(box, svg, rows, tip);
    }
  }

  function watchChart(box, svg, rows, tip) {
    const [left, right, top, bottom] = svg.dataset.plot.split(" ").map(Number);
    const line = svg.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "path"));
    line.setAttribute("class", "chart-cursor");
    const hide = () => {
      tip.hidden = true;
      line.setAttribute("d", "");
    };
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("pointermove", (event) => {
      const area = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / area.width;
      const at = ((event.clientX - area.left) * scale - left) / (right - left);
      if (!rows.length || at < -0.02 || at > 1.02) return hide();
      const index = Math.max(0, Math.min(rows.length - 1, Math.round(at * (rows.length - 1))));
      const x = rows.length < 2 ? (left + right) / 2 : left + (right - left) * index / (rows.length - 1);
      const [label, value, before] = [...rows[index].children].map((cell) => cell.textContent.trim());
      tip.textContent = before ? `${label}: ${value}, before ${before}` : `${label}: ${value}`;
      tip.hidden = false;
      tip.style.left = `${Math.max(0, Math.min(area.width - tip.offsetWidth, x / scale - tip.offsetWidth / 2))}px`;
      line.setAttribute("d", `M${x} ${top}V${bottom}`);
    });
  }

  // Keys: one letter, only while no field has the focus, and only if they are not turned off.
  function watchKeys() {
    const help = find("#help"), helpButton = find("#help-button");
    if (!help || !help.showModal) return;
    helpButton.hidden = false;
    helpButton.addEventListener("click", () => help.showModal());
    find("#help-close").addEventListener("click", () => help.close());
    let goingSince = -Infinity;

    const open = (link) => { if (link) location.href = link.href; };
    const follow = (change) => {
      const address = new URL(location.href);
      change(address.searchParams);
      location.href = address.href;
    };
    const choosePeriod = (name) => find("#bar") && follow((query) => {
      for (const part of ["from", "to", "before", "after"]) query.delete(part);
      query.set("period", name);
    });
    const shiftPeriod = (direction) => {
      const shift = find("#bar") && find(`#main [data-shift="${direction}"]`);
      if (shift) open(shift);
    };
    const moveInInbox = (step) => {
      const links = findAll("#voices .voice-text a");
      if (!links.length) return;
      const current = links.findIndex((link) => link === document.activeElement || link.getAttribute("aria-current"));
      const focused = links.indexOf(document.activeElement);
      const next = Math.max(0, Math.min(links.length - 1, (focused >= 0 ? focused : current) + step));
      links[next].focus();
    };
    const compare = () => follow((query) => {
      query.get("compare") === "off" ? query.delete("compare") : query.set("compare", "off");
    });
    const clear = () => {
      const chip = find('[aria-label="Filters"]');
      if (chip) follow((query) => ["sentiment", "source", "category", "status", "page", "words"].forEach((name) => query.delete(name)));
    };
    const actions = {
      "?": () => help.showModal(),
      "/": () => (find("#filter") || find("#bar select"))?.focus(),
      "d": () => choosePeriod("today"), "w": () => choosePeriod("7"), "f": () => choosePeriod("28"),
      "m": () => choosePeriod("month"), "y": () => choosePeriod("year"),
      "x": () => find("#bar [name=compare]") && compare(),
      "j": () => moveInInbox(1), "k": () => moveInInbox(-1),
      "e": () => find("#close-item")?.click(),
      "ArrowLeft": () => shiftPeriod("earlier"), "ArrowRight": () => shiftPeriod("later"),
      "Escape": () => clear(),
    };
    document.addEventListener("keydown", (event) => {
      const inField = event.target.closest?.("input, select, textarea, [contenteditable], dialog[open]");
      if (event.ctrlKey || event.metaKey || event.altKey || inField || document.body.dataset.keys === "off") return;
      const inRegion = event.target.closest?.("[role=region]");
      if (inRegion && event.key.startsWith("Arrow")) return; // a wide table scrolls with them
      const going = event.timeStamp - goingSince < KEY_PAUSE_MS;
      goingSince = -Infinity;
      if (going) {
        const room = find(`.side [data-key="${CSS.escape(event.key)}"]`);
        if (room) {
          event.preventDefault();
          open(room);
        }
        return;
      }
      if (event.key === "g") {
        goingSince = event.timeStamp;
        return;
      }
      if (event.key === "Escape" && closeDefinitions()) return;
      if (!(event.key in actions)) return;
      if (event.key === "/" || event.key === "?") event.preventDefault();
      actions[event.key]();
    });
  }

  // Definitions: one open at a time, closed by Escape or a press elsewhere.
  function closeDefinitions(except) {
    const openOnes = findAll(".definition[open]").filter((one) => one !== except);
    for (const one of openOnes) {
      if (one.contains(document.activeElement)) find("summary", one).focus();
      one.open = false;
    }
    return openOnes.length > 0;
  }

  function watchDefinitions() {
    document.addEventListener("click", (event) => closeDefinitions(event.target.closest?.(".definition")));
    document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeDefinitions(); });
  }

  function offerCopy() {
    for (const button of navigator.clipboard ? findAll("[data-copy]") : []) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(button.dataset.copy);
        button.textContent = "Copied";
      });
    }
  }

  readSignInLink();
  watchBar();
  watchDefinitions();
  watchKeys();
  watchCharts();
  offerCopy();
  goLive();
})();
