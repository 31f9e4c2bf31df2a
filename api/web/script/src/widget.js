// What readers can tell us on a page: "was this page helpful?", the feedback form, and the one question after a week.
// Forms with data-warroom-helpful or data-warroom-form work without this file; it only makes them answer in place.
// Words come from the page (data-texts, JSON) or from the server's answer; ENGLISH fills what they lack.
(() => {
  "use strict";

  if (window.warroomWidget) return;

  const ENGLISH = {
    send: "Send",
    sending: "Sending …",
    thanks: "Thank you! The team reads every answer.",
    failed: "Not sent. Your words are still here; please try again.",
    later: "Not now",
    never: "Don't ask me again",
    close: "Close",
    empty: "Please write a few words first.",
    choose: "Please choose a number or write a few words first.",
    text_label: "What should we do better, or keep as it is?",
    reason: "What was it about?",
    more: "Tell us more (optional)",
    bug: "Something is broken",
    idea: "An idea",
    question: "A question",
    praise: "Praise",
    other: "Something else",
  };
  const REASONS = { 1: ["praise", "idea", "other"], 0: ["bug", "question", "idea", "other"] };

  const scriptUrl = document.currentScript ? document.currentScript.src : location.href;
  const sentIds = new Map();
  let styles = null;
  let ids = 0;
  window.warroomWidget = { enhance, showPrompt };
  enhance(document);

  function enhance(root) {
    for (const form of root.querySelectorAll("form[data-warroom-helpful]")) enhanceOnce(form, enhanceHelpful);
    for (const form of root.querySelectorAll("form[data-warroom-form]")) enhanceOnce(form, enhanceForm);
  }

  function enhanceOnce(form, action) {
    if (form.dataset.warroomReady) return;
    form.dataset.warroomReady = "yes";
    loadStyles();
    action(form, textsOf(form.dataset.texts));
  }

  // The vote is sent at once; the reason is asked afterwards and travels as feedback of its own, without the score,
  // so that no vote counts twice.
  function enhanceHelpful(form, texts) {
    const status = form.querySelector("[role=status]");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (form.dataset.busy) return;
      const score = event.submitter ? event.submitter.value : "1";
      await whileBusy(form, async () => {
        status.textContent = texts.sending;
        const answer = await sendFeedback(form.action, { ...fieldsOf(form), score: Number(score), scale: "0-1" });
        status.textContent = answer.ok ? texts.thanks : answer.detail || texts.failed;
        if (answer.ok) askReason(form, score, texts);
      });
    });
  }

  function askReason(form, score, texts) {
    const panel = make("form", { className: "warroom-reason", method: "post", action: form.action, noValidate: true });
    const group = make("fieldset", {}, make("legend", { textContent: texts.reason }));
    for (const category of REASONS[score]) group.append(choice("radio", "category", category, texts[category]));
    const [label, text] = textField(texts.more);
    const error = make("p", { className: "warroom-error", id: newId(), hidden: true });
    const send = make("button", { type: "submit", className: "warroom-primary", textContent: texts.send });
    const status = form.querySelector("[role=status]");
    text.setAttribute("aria-describedby", error.id);
    panel.append(group, label, text, error, make("p", { className: "warroom-actions" }, send));
    panel.addEventListener("submit", async (event) => {
      event.preventDefault();
      const category = (panel.querySelector("input:checked") || {}).value;
      if (!category && !text.value.trim()) return showError(text, error, texts.empty);
      hideError(text, error);
      await whileBusy(panel, async () => {
        status.textContent = texts.sending;
        const words = text.value.trim() || undefined;
        const answer = await sendFeedback(form.action, { ...fieldsOf(form), category, text: words });
        status.textContent = answer.ok ? texts.thanks : answer.detail || texts.failed;
        const textProblem = answer.errors.find(({ field }) => field === "text");
        if (textProblem) showError(text, error, words ? textProblem.reason : texts.empty);
        if (!answer.ok) return;
        const hadFocus = panel.contains(document.activeElement);
        panel.remove();
        if (hadFocus) focusQuietly(status);
      });
    });
    const votes = form.querySelector("[data-warroom-votes]");
    const hadFocus = votes && votes.contains(document.activeElement);
    if (votes) votes.hidden = true; // voted: asking twice would count twice
    form.after(panel);
    if (hadFocus) focusQuietly(status); // the pressed button is gone; the reason is next in tab order
    return undefined;
  }

  function enhanceForm(form, texts) {
    const status = form.querySelector("[role=status]");
    const text = form.elements.namedItem("text");
    form.noValidate = true; // the browser's bubbles vanish; our words stay next to the field
    form.addEventListener("input", ({ target }) => hideError(target, errorOf(form, target.name)));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (form.dataset.busy) return;
      if (!text.value.trim()) {
        showError(text, errorOf(form, "text"), texts.empty);
        return;
      }
      await whileBusy(form, async () => {
        status.textContent = texts.sending;
        const answer = await sendFeedback(form.action, fieldsOf(form));
        status.textContent = answer.ok ? texts.thanks : answer.detail || texts.failed;
        for (const { field, reason } of answer.errors) {
          const input = form.elements.namedItem(field);
          if (input) showError(input, errorOf(form, field), reason);
        }
        if (answer.ok) form.reset();
      });
    });
  }

  function errorOf(form, field) {
    const input = form.elements.namedItem(field);
    if (!(input instanceof HTMLElement)) return null;
    const known = document.getElementById(input.dataset.errorId || "");
    if (known) return known;
    const error = make("p", { className: "warroom-error", id: newId(), hidden: true });
    input.dataset.errorId = error.id;
    input.setAttribute("aria-describedby", `${input.getAttribute("aria-describedby") || ""} ${error.id}`.trim());
    input.after(error);
    return error;
  }

  // One non-modal question, last in <main>: announced, reached by Tab, never taking the focus by itself.
  async function showPrompt(prompt, context) {
    if (document.querySelector(".warroom-prompt")) return;
    const texts = { ...ENGLISH, ...prompt.texts };
    if (prompt.text_label) texts.text_label = prompt.text_label;
    const status = make("p", { className: "warroom-announcer", role: "status" });
    const block = make("section", { className: "warroom-prompt" });
    const home = document.querySelector("main") || document.body;
    home.append(status);
    await loadStyles(); // shown unstyled it would jump
    const parts = promptForm(prompt, texts);
    block.setAttribute("aria-labelledby", parts.question.id);
    block.append(parts.close, parts.form);
    home.insertBefore(block, status);
    document.documentElement.classList.add("warroom-prompt-open");
    setTimeout(() => { status.textContent = prompt.question; }, 100); // a region filled while being added is not read out
    listenToPrompt({ ...parts, block, status, home, texts, prompt, context });
  }

  function promptForm(prompt, texts) {
    const { min, max, low, high } = prompt.scale;
    const question = make("span", { id: newId(), className: "warroom-question", textContent: prompt.question });
    const ends = make("span", { className: "warroom-ends" },
      make("span", { textContent: `${min}: ${low}` }), make("span", { textContent: `${max}: ${high}` }));
    const scores = make("div", { className: "warroom-scores" });
    for (let score = min; score <= max; score += 1) scores.append(choice("radio", "score", String(score), String(score)));
    const [label, text] = textField(texts.text_label);
    const error = make("p", { className: "warroom-error", id: newId(), hidden: true });
    text.setAttribute("aria-describedby", error.id);
    const send = make("button", { type: "submit", className: "warroom-primary", textContent: texts.send });
    const later = make("button", { type: "button", textContent: texts.later });
    const never = make("button", { type: "button", className: "warroom-plain", textContent: texts.never });
    const close = make("button", { type: "button", className: "warroom-close", textContent: "×" });
    close.setAttribute("aria-label", texts.close);
    const form = make("form", { noValidate: true },
      make("fieldset", {}, make("legend", {}, question, ends), scores),
      label, text, error, make("p", { className: "warroom-actions" }, send, later, never));
    return { form, question, text, error, send, later, never, close };
  }

  function listenToPrompt(parts) {
    const { block, form, text, error, texts, prompt, context, status } = parts;
    let before = null; // where the focus was when the reader came in
    let answered = false;
    const put = (how) => {
      if (!answered) dismiss(prompt, context, how);
      closePrompt(parts, before);
    };
    block.addEventListener("focusin", ({ relatedTarget }) => {
      if (relatedTarget && !block.contains(relatedTarget)) before = relatedTarget;
    });
    block.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { event.stopPropagation(); put("later"); }
    });
    parts.later.addEventListener("click", () => put("later"));
    parts.close.addEventListener("click", () => put("later"));
    parts.never.addEventListener("click", () => put("never"));
    form.addEventListener("input", () => hideError(text, error));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (form.dataset.busy) return;
      const chosen = form.querySelector("input:checked");
      if (!chosen && !text.value.trim()) {
        showError(text, error, texts.choose);
        return;
      }
      await whileBusy(form, async () => {
        status.textContent = texts.sending;
        const answer = await sendFeedback(`${context.api}/feedback`, answerOf(prompt, context, chosen, text.value));
        if (answer.ok) {
          answered = true;
          thank(parts);
        } else {
          status.textContent = "";
          error.textContent = answer.detail || texts.failed; // seen here, and read out because it is an alert
          error.setAttribute("role", "alert");
          error.hidden = false;
        }
      });
    });
  }

  function answerOf(prompt, context, chosen, text) {
    return {
      site: context.site, survey: prompt.survey, prompt: prompt.prompt, person: context.person,
      language: context.language || undefined, page: location.pathname,
      score: chosen ? Number(chosen.value) : undefined,
      scale: chosen ? `${prompt.scale.min}-${prompt.scale.max}` : undefined,
      text: text.trim() || undefined,
    };
  }

  function thank({ block, form, status, texts, close }) {
    const hadFocus = block.contains(document.activeElement) || document.activeElement === document.body;
    const thanks = make("p", { className: "warroom-thanks", textContent: texts.thanks });
    form.replaceWith(thanks);
    block.removeAttribute("aria-labelledby");
    block.setAttribute("aria-label", texts.thanks);
    status.textContent = texts.thanks;
    if (hadFocus) close.focus();
  }

  function closePrompt({ block, status, home }, before) {
    const hadFocus = block.contains(document.activeElement);
    block.remove();
    status.textContent = "";
    document.documentElement.classList.remove("warroom-prompt-open");
    if (hadFocus) focusQuietly(before && before.isConnected && before !== document.body ? before : home);
  }

  function dismiss(prompt, { api, site, person }, how) {
    const body = JSON.stringify({ site, person, how });
    const url = `${api}/prompts/${encodeURIComponent(prompt.prompt)}/dismiss`;
    fetch(url, { method: "POST", body, keepalive: true, credentials: "omit" }).catch(() => {});
  }

  // The same body keeps its id, so sending it again is harmless; changed words are a new feedback.
  async function sendFeedback(url, fields) {
    const content = JSON.stringify(fields);
    if (!sentIds.has(content)) sentIds.set(content, randomId());
    const body = JSON.stringify({ id: sentIds.get(content), ...fields });
    try {
      const response = await fetch(url, { method: "POST", body, credentials: "omit" }); // text/plain: no preflight
      if (response.ok) {
        sentIds.delete(content);
        return { ok: true, errors: [] };
      }
      const problem = await response.json().catch(() => ({}));
      const wordsHelp = response.status === 429 || response.status === 400;
      return { ok: false, detail: wordsHelp ? problem.detail : "", errors: problem.errors || [] };
    } catch {
      return { ok: false, detail: "", errors: [] };
    }
  }

  function fieldsOf(form) {
    const fields = Object.fromEntries(
      Array.from(new FormData(form)).filter(([, value]) => typeof value === "string" && value.trim()),
    );
    if (fields.score) fields.score = Number(fields.score);
    else delete fields.scale; // a scale without a score says nothing
    const person = typeof window.warroom === "function" ? window.warroom("person") : null;
    return { ...fields, page: fields.page || location.pathname, person: person || undefined };
  }

  // Buttons stay focusable while a send is under way; a second press is ignored.
  async function whileBusy(form, action) {
    form.dataset.busy = "yes";
    form.setAttribute("aria-busy", "true");
    try {
      await action();
    } finally {
      delete form.dataset.busy;
      form.removeAttribute("aria-busy");
    }
  }

  function showError(input, error, reason) {
    if (!error) return;
    error.textContent = reason;
    error.hidden = false;
    input.setAttribute("aria-invalid", "true");
    input.focus();
  }

  function hideError(input, error) {
    if (!error || error.hidden) return;
    error.hidden = true;
    error.removeAttribute("role");
    input.removeAttribute("aria-invalid");
  }

  function focusQuietly(element) {
    if (!element.matches("a[href], button, input, select, textarea, [tabindex]")) element.tabIndex = -1;
    element.focus({ preventScroll: true });
  }

  function choice(type, name, value, words) {
    return make("label", { className: "warroom-choice" },
      make("input", { type, name, value }), make("span", { textContent: words }));
  }

  function textField(words) {
    const id = newId();
    return [
      make("label", { htmlFor: id, textContent: words }),
      make("textarea", { id, name: "text", rows: 3, maxLength: 5000 }),
    ];
  }

  function textsOf(json) {
    try { return { ...ENGLISH, ...JSON.parse(json || "{}") }; } catch { return ENGLISH; }
  }

  function loadStyles() {
    styles ||= new Promise((resolve) => {
      const href = new URL("widget.css", scriptUrl).href;
      if (Array.from(document.styleSheets).some((sheet) => sheet.href === href)) return resolve();
      const link = make("link", { rel: "stylesheet", href });
      link.addEventListener("load", resolve);
      link.addEventListener("error", resolve);
      document.head.append(link);
      return undefined;
    });
    return styles;
  }

  function make(name, properties, ...children) {
    const element = document.createElement(name);
    const { role, ...others } = properties;
    if (role) element.setAttribute("role", role);
    Object.assign(element, others);
    element.append(...children);
    return element;
  }

  function newId() {
    ids += 1;
    return `warroom-${ids}`;
  }

  function randomId() {
    return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
})();
