// The one question that appears by itself: announced, reached by Tab, never taking the focus, and it moves nothing.
import { ENGLISH, button, choice, focusQuietly, make, newId, showError, hideErrors, textField } from "./widget_parts.js";
import { fill } from "./widget_forms.js";
import { fieldsOf, send } from "./widget_sending.js";
import { onScreen } from "./widget_screen.js";
import { language, options, quietly, readDraft, urlOf, writeDraft } from "./widget_tag.js";

const DRAFT = "prompt";
const WIDE = "(min-width: 800px) and (min-height: 480px)"; // as in widget.css: there it floats

let shown; // the parts of the newest one

// A question that was open when the page was reloaded or left, with what was typed.
export const openPrompt = () => readDraft(DRAFT);
export const keepPrompt = (prompt, said) => writeDraft(DRAFT, { prompt, ...said });

export async function showPrompt(prompt, person, draft = {}) {
  const texts = { ...ENGLISH, ...prompt.texts };
  const main = document.querySelector("main") || document.body;
  const home = matchMedia(WIDE).matches || (await endsBelowScreen(main)) ? main : document.body;
  if (document.querySelector(".warroom-prompt")) return;
  const status = make("p", { className: "warroom-announcer", role: "status" });
  const parts = { ...makeParts(prompt, texts), prompt, texts, person, status, main };
  home.append(parts.block, status);
  shown = parts;
  document.documentElement.classList.add("warroom-prompt-open");
  fill(parts.form, draft);
  setTimeout(() => { status.textContent = prompt.question; }, 100); // a region filled while being added is not read out
  listenTo(parts);
}

// On a small screen the question is the last thing of the page. Where that place is on screen, the end of the document
// is taken instead: nothing comes after it that could move.
const endsBelowScreen = async (main) =>
  (await onScreen([main])).every(({ boundingClientRect, rootBounds }) => boundingClientRect.bottom > (rootBounds || { bottom: innerHeight }).bottom);

function makeParts(prompt, texts) {
  const { min, max, low, high, labels } = prompt.scale;
  const legend = make("legend", {}, make("span", { id: newId(), className: "warroom-question", textContent: prompt.question }));
  const scores = make("div", { className: labels ? "warroom-rows" : "warroom-scores" });
  if (!labels) legend.append(make("span", { className: "warroom-ends" },
    make("span", { textContent: `${min}: ${low}` }), make("span", { textContent: `${max}: ${high}` })));
  for (let score = min; score <= max; score++) scores.append(choice("score", score, labels ? labels[score - min] : score));
  const later = button(texts.later);
  const never = button(texts.never, "warroom-plain");
  const close = button("×", "warroom-close");
  close.setAttribute("aria-label", texts.close);
  const form = make("form", { className: "warroom-answer", noValidate: true, method: "post", action: urlOf("/feedback") },
    make("fieldset", {}, legend, scores), ...textField(prompt.text_label || texts.more),
    make("p", { className: "warroom-actions" }, button(texts.send, "warroom-primary", "submit"), later, never),
    make("p", { className: "warroom-error", hidden: true }));
  const block = make("section", { className: "warroom-prompt" }, close, form);
  block.setAttribute("aria-labelledby", legend.firstChild.id);
  return { block, form, later, never, close };
}

function listenTo(parts) {
  const { block, form, prompt, person, texts } = parts;
  let before; // where the focus was when the reader came in
  const put = quietly((how) => {
    if (how) dismiss(prompt, person, how);
    close(parts, before);
  });
  const later = () => put(form.isConnected && "later");
  block.addEventListener("focusin", ({ relatedTarget }) => {
    if (relatedTarget && !block.contains(relatedTarget)) before = relatedTarget;
  });
  block.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      later();
    }
  });
  parts.later.addEventListener("click", later);
  parts.close.addEventListener("click", later);
  parts.never.addEventListener("click", () => put("never"));
  addEventListener("focusin", quietly(async ({ target }) => {
    if (!block.isConnected || block.contains(target)) return;
    const [{ intersectionRect: seen }, { intersectionRect: over }] = await onScreen([target, block]);
    if (isMidOf(seen, over)) block.classList.toggle("warroom-aside");
  }));
  addEventListener("pageshow", quietly(({ persisted }) => { // back on this page, after the answer on another one
    if (persisted && !openPrompt()) close(parts);
  }));
  form.addEventListener("input", quietly(() => {
    hideErrors(form);
    keepPrompt(prompt, fieldsOf(form));
  }));
  form.addEventListener("submit", quietly(async (event) => {
    event.preventDefault();
    const { score, text } = fieldsOf(form);
    if (score === undefined && !text) return showError(form, "score", texts.choose);
    await submit(parts, score, text);
  }));
}

// What has the focus and cannot be scrolled clear of the block, in a column that stays, makes it change sides.
const isMidOf = ({ x, y, width, height }, { left, right, top, bottom }) =>
  x + width / 2 > left && x + width / 2 < right && y + height / 2 > top && y + height / 2 < bottom;

async function submit(parts, score, text) {
  const { form, prompt: { scale, survey, prompt }, person, texts, status } = parts;
  const said = form.lastChild; // seen here; the status region says it to those who listen
  said.hidden = true;
  const fields = {
    site: options.site, survey, prompt, person, language, page: location.pathname, text,
    score, scale: score === undefined ? undefined : `${scale.min}-${scale.max}`,
  };
  if (await send(form, fields, texts, status)) return thank(parts);
  said.textContent = status.textContent;
  said.hidden = false;
}

function thank({ block, form, texts, close }) {
  writeDraft(DRAFT);
  const hadFocus = block.contains(document.activeElement) || document.activeElement === document.body;
  form.replaceWith(make("p", { className: "warroom-thanks", textContent: texts.thanks }));
  block.removeAttribute("aria-labelledby");
  block.setAttribute("aria-label", texts.thanks);
  if (hadFocus) close.focus();
}

function close({ block, status, main }, before) {
  writeDraft(DRAFT);
  const hadFocus = block.contains(document.activeElement);
  block.remove();
  status.textContent = "";
  document.documentElement.classList.remove("warroom-prompt-open");
  if (hadFocus) focusQuietly(before && before.isConnected && before !== document.body ? before : main);
}

// Sites that exchange their pages themselves throw it away with the page.
export const isLost = () => shown && !shown.block.isConnected && openPrompt();

// Of a reader who no longer agrees: nothing is sent about them any more.
export function takeAway() {
  if (shown) close(shown);
}

function dismiss({ prompt }, person, how) {
  const body = JSON.stringify({ site: options.site, person, how });
  fetch(urlOf(`/prompts/${encodeURIComponent(prompt)}/dismiss`), { method: "POST", body, keepalive: true, credentials: "omit" }).catch(() => {});
}
