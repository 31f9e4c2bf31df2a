// Uses every element of the page once and gives back what each one made the page send.
// Elements that come while others are used (in a menu, a dialog) are used too.
async ({ most, patience, only }) => {
  const kept = window.__warroomCoverage;
  const LINKS = "a[href], area[href]";
  const BUTTONS = "button, [role=button], summary, input[type=submit], input[type=button], input[type=image]";
  const STEPS = "[data-warroom-step]";
  const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
  const words = (text) => (text || "").replace(/\s+/g, " ").trim().slice(0, 60);

  const selectorOf = (element, levels = 4) => {
    if (element.id) return `#${element.id}`;
    const { parentElement: parent, localName } = element;
    if (!parent || !levels) return localName;
    const same = [...parent.children].filter((child) => child.localName === localName);
    const place = same.length > 1 ? `:nth-of-type(${same.indexOf(element) + 1})` : "";
    return `${selectorOf(parent, levels - 1)}>${localName}${place}`;
  };
  const nameOf = (element, kind) => {
    if (kind === "step") return `${element.dataset.warroomSequence || ""} ${element.dataset.warroomStep}`.trim();
    const label = element.getAttribute("aria-label") || element.textContent || element.value || element.title || element.name;
    return words(label) || words(element.getAttribute("href") || element.getAttribute("action")) || element.localName;
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
  const eventsOf = (body) => {
    try {
      return JSON.parse(body).events || [];
    } catch {
      return [];
    }
  };

  const fillIn = (form) => {
    for (const field of form.elements) {
      if (field.disabled || field.readOnly || field.type === "hidden" || field.type === "file") continue;
      if (field.type === "checkbox" || field.type === "radio") field.checked = true;
      else if (field.localName === "select") field.selectedIndex = field.options.length - 1;
      else if (field.localName === "textarea" || field.localName === "input") {
        const values = { email: "reader@example.org", number: field.min || "1", url: "https://example.org", date: "2026-01-02" };
        if (!["submit", "button", "image", "reset", "range", "color"].includes(field.type))
          field.value = values[field.type] || "coverage";
      } else continue;
      for (const type of ["input", "change"]) field.dispatchEvent(new Event(type, { bubbles: true }));
    }
    const button = form.querySelector("button:not([type=button], [type=reset]), input[type=submit], input[type=image]");
    if (button) button.click();
    else form.requestSubmit();
  };
  const showStep = async (element) => {
    const { warroomSequence: sequence = "", warroomStep: step } = element.dataset;
    const isIts = (event) => event.name === "sequence_step" && String(event.step) === step && (event.sequence || "") === sequence;
    const until = performance.now() + patience;
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
  const use = async (element, kind) => {
    take();
    if (kind === "step") return showStep(element);
    if (kind === "form") fillIn(element);
    else element.click();
    await pause(0);
    send();
    await pause(0);
    return take();
  };

  const kinds = [["step", STEPS], ["link", LINKS], ["button", BUTTONS], ["form", "form"]];
  const met = new WeakSet();
  const findNew = () => kinds.flatMap(([kind, selector]) => [...document.querySelectorAll(selector)]
    .filter((element) => !met.has(element) && !(kind === "button" && element.disabled))
    .map((element) => {
      met.add(element);
      return { element, kind, name: nameOf(element, kind), selector: selectorOf(element) };
    }));

  send();
  await pause(0);
  const tags = [...document.querySelectorAll("script[data-site]")].map((tag) => tag.dataset.site);
  const found = [], links = new Set();
  let left = 0; // found, but not used
  let waiting = findNew();
  while (waiting.length && found.length < most) {
    for (const { element, kind, name, selector } of waiting) {
      if (kind === "link") links.add(element.href);
      if (only && !only.includes(`${kind} ${selector}`)) continue;
      if (found.length >= most) {
        left += 1;
        continue;
      }
      if (!element.isConnected) {
        found.push({ kind, name, selector, bodies: [], isGone: true, problem: "gone before it could be used" });
        continue;
      }
      let problem = "", bodies = [];
      try {
        bodies = await use(element, kind);
      } catch (error) {
        problem = `using it failed: ${words(String(error))}`;
        bodies = take();
      }
      found.push({ kind, name, selector, bodies, isGone: false, problem });
    }
    waiting = findNew();
  }
  return { found, left: left + waiting.length, tags, links: [...links] };
}
