// Uses every element of the page once and gives back what each one made the page send, and what it is for.
// Elements that come while others are used (in a menu, a dialog) are used too.
async ({ most, patience, only, wanted, ambient }) => {
  const kept = window.__warroomCoverage;
  const LINKS = "a[href], area[href]";
  const SENDS = "button:not([type=button], [type=reset]), input[type=submit], input[type=image]"; // of a form
  const BUTTONS = "button, [role=button], summary, input[type=submit], input[type=button], input[type=image]";
  const STEPS = "[data-warroom-step]";
  const FEEDBACK = "form[action$=feedback], [data-warroom-form], [data-warroom-helpful], [data-warroom-survey]";
  const FILE = /\.(pdf|zip|t?gz|bz2|xz|zst|7z|rar|exe|dmg|pkg|msi|deb|rpm|apk|iso|jar|whl|gem|csv|tsv|xlsx?|docx?|pptx?|od[tsp]|epub|mp[34]|wav|mov|svgz|ttf|otf|woff2?|ya?ml|toml|jsonl?|sql|patch|sh|ps1)$/i;
  const COPY = /\bcopy\b/i;
  const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
  const words = (text) => (text || "").replace(/\s+/g, " ").trim().slice(0, 60);
  const attribute = (element, name) => element?.getAttribute(name) || "";

  const selectorOf = (element, levels = 4) => {
    if (attribute(element, "id")) return `#${attribute(element, "id")}`;
    const { parentElement: parent, localName } = element;
    if (!parent || !levels) return localName;
    const same = [...parent.children].filter((child) => child.localName === localName);
    const place = same.length > 1 ? `:nth-of-type(${same.indexOf(element) + 1})` : "";
    return `${selectorOf(parent, levels - 1)}>${localName}${place}`;
  };
  const nameOf = (element, kind) => {
    if (kind === "step") return `${element.dataset.warroomSequence || ""} ${element.dataset.warroomStep}`.trim();
    const label = attribute(element, "aria-label") || element.textContent || attribute(element, "value") || element.title || attribute(element, "name");
    return words(label) || words(attribute(element, "href") || attribute(element, "action")) || element.localName;
  };
  // The form that a button sends; that of a dialog is only closed.
  const formOf = (element) => {
    const form = element.matches("form") ? element : element.matches(SENDS) ? element.closest("form") || element.form : null;
    return form && attribute(form, "method").toLowerCase() !== "dialog" ? form : null;
  };
  const purposeOfLink = (link) => {
    if (!/^https?:$/.test(link.protocol)) return []; // mail, telephone
    if (link.host !== location.host) return ["outbound"];
    return link.hasAttribute("download") || FILE.test(link.pathname) ? ["download"] : [];
  };
  const purposeOfForm = (form) => {
    if (form.closest("[data-warroom-goal]")) return []; // said already
    if (form.matches(FEEDBACK)) return ["feedback"];
    return form.matches("[role=search]") || form.querySelector("input[type=search]") || form.closest("search") ? ["search"] : ["form"];
  };
  const isCopy = (button) => COPY.test([
    attribute(button, "aria-label"), attribute(button, "title"), attribute(button, "class").replace(/[-_]/g, " "), words(button.textContent),
  ].join(" "));
  // What an element is there for, where one of our events says just that.
  const purposesOf = (element, kind) => {
    if (kind === "step") return ["step"];
    const found = [];
    const form = formOf(element);
    const goal = element.closest("[data-warroom-goal]");
    if (goal && (form || !goal.matches("form"))) found.push("goal");
    if (element.closest("[data-warroom-click]")) found.push("named");
    if (element.closest("[data-warroom-done]") && element.closest(STEPS)) found.push("done");
    if (form) found.push(...purposeOfForm(form));
    else if (kind === "link") found.push(...purposeOfLink(element));
    else if (isCopy(element)) found.push("copy");
    return found;
  };

  const send = () => { // as on leaving the page, when scripts send what they have kept
    window.dispatchEvent(new PageTransitionEvent("pagehide", { persisted: false }));
  };
  const history = []; // a step that is on the screen from the start is reported before its turn
  const take = () => {
    const bodies = kept.bodies.splice(0);
    history.push(...bodies);
    return bodies;
  };
  const parsed = (body) => {
    try {
      return JSON.parse(body) || {};
    } catch {
      return {};
    }
  };
  const eventsOf = (body) => parsed(body).events || [];
  // The names of what it sent; an answer has none, so it is called what it is.
  const namesIn = (body) => {
    const { events, name, site, form } = parsed(body);
    return events ? events.map((event) => event.name) : name ? [name] : form || site ? ["feedback"] : [];
  };
  const isAnswered = (purposes, bodies) => {
    const names = new Set(bodies.flatMap(namesIn));
    return purposes.every((purpose) => wanted[purpose].length
      ? wanted[purpose].some((name) => names.has(name))
      : [...names].some((name) => !ambient.includes(name)));
  };

  const fillIn = (form, button) => {
    for (const field of form.querySelectorAll("input, select, textarea")) {
      if (field.disabled || field.readOnly || field.type === "hidden" || field.type === "file") continue;
      if (field.type === "checkbox" || field.type === "radio") field.checked = true;
      else if (field.localName === "select") field.selectedIndex = field.options.length - 1;
      else {
        const values = { email: "reader@example.org", number: field.min || "1", url: "https://example.org", date: "2026-01-02" };
        if (!["submit", "button", "image", "reset", "range", "color"].includes(field.type))
          field.value = values[field.type] || "coverage";
      }
      for (const type of ["input", "change"]) field.dispatchEvent(new Event(type, { bubbles: true }));
    }
    const isRefused = !form.hasAttribute("novalidate") && !form.checkValidity();
    if (button.matches("form")) HTMLFormElement.prototype.requestSubmit.call(form);
    else button.click();
    return isRefused ? "its fields take no made-up values, so it was not sent" : "";
  };
  const showStep = async (element) => {
    const { warroomSequence: sequence = "", warroomStep: step } = element.dataset;
    const isIts = (event) => event.name === "sequence_step" && String(event.step) === step && (event.sequence || "") === sequence;
    const until = performance.now() + patience.step;
    element.scrollIntoView({ block: "center", behavior: "instant" });
    while (performance.now() < until) {
      await pause(50);
      send();
      take();
      const events = history.flatMap(eventsOf).filter(isIts);
      if (events.length) return [JSON.stringify({ site: "", events })];
    }
    return [];
  };
  // What a click causes is there at once; an answer may wait for the widget, and a page's own form for its request.
  const patienceFor = (purposes) => Math.max(0, ...purposes.map((purpose) => patience[purpose] ?? patience.least));
  const use = async ({ element, kind, purposes }) => {
    take();
    if (kind === "step") return { bodies: await showStep(element), problem: "" };
    const form = formOf(element);
    let problem = "";
    if (form) problem = fillIn(form, element);
    else element.click();
    const bodies = [], until = performance.now() + patienceFor(purposes);
    for (;;) {
      await pause(0);
      send();
      await pause(0);
      bodies.push(...take());
      if (isAnswered(purposes, bodies) || performance.now() > until) return { bodies, problem };
      await pause(20);
    }
  };

  const met = new WeakSet();
  const isUsable = (element, kind) => {
    if (element.disabled) return false;
    if (kind === "button") return !formOf(element); // it is a way to send its form
    if (kind !== "form") return true;
    const form = formOf(element);
    return form && (element !== form || ![...document.querySelectorAll(SENDS)].some((button) => !button.disabled && formOf(button) === form));
  };
  const kinds = [["step", STEPS], ["link", LINKS], ["button", BUTTONS], ["form", `form, ${SENDS}`]];
  const findNew = () => kinds.flatMap(([kind, selector]) => [...document.querySelectorAll(selector)]
    .filter((element) => !met.has(element) && isUsable(element, kind))
    .map((element) => {
      met.add(element);
      return { element, kind, name: nameOf(element, kind), selector: selectorOf(element), purposes: purposesOf(element, kind) };
    }));

  send();
  await pause(0);
  const tags = [...document.querySelectorAll("script[data-site]")].map((tag) => tag.dataset.site);
  const found = [], links = new Set(), sent = new WeakSet();
  let left = 0; // found, but not used
  let waiting = findNew();
  while (waiting.length && found.length < most) {
    for (const one of waiting) {
      const { element, kind, name, selector, purposes } = one;
      const told = { kind, name, selector, purposes, bodies: [], isGone: false, problem: "" };
      if (kind === "link") links.add(element.href);
      if (only && !only.includes(`${kind} ${selector}`)) continue;
      if (found.length >= most) {
        left += 1;
        continue;
      }
      const form = formOf(element);
      if (!element.isConnected || sent.has(form)) { // another page for it: who has answered is not asked again
        found.push({ ...told, isGone: true, problem: "gone before it could be used" });
        continue;
      }
      if (form) sent.add(form);
      try {
        Object.assign(told, await use(one));
      } catch (error) {
        Object.assign(told, { bodies: take(), problem: `using it failed: ${words(String(error))}` });
      }
      found.push(told);
    }
    waiting = findNew();
  }
  return { found, left: left + waiting.length, tags, links: [...links] };
}
