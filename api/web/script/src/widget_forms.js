// The forms of the page answer in place. A vote is sent at once; its reason and words follow as part of the same answer.
import { button, choice, hideErrors, make, showError, textField, textsOf } from "./widget_parts.js";
import { fieldsOf, send } from "./widget_sending.js";
import { quietly, randomId, readDraft, writeDraft } from "./widget_tag.js";

const PANEL = ".warroom-reason";
const FORMS = "form:is([data-warroom-helpful], [data-warroom-form], [data-warroom-survey])"; // others are not ours
const REASONS = { 0: ["findability", "clarity", "accuracy", "out_of_date", "other"], 1: ["findability", "clarity", "accuracy", "other"] };

export function watchForms() {
  document.addEventListener("submit", quietly(noticeSubmit));
  document.addEventListener("input", quietly(({ target }) => { if (target.form && target.form.matches(FORMS)) keepDraft(target.form); }));
  for (const form of document.querySelectorAll(FORMS)) quietly(restore)(form);
}

function noticeSubmit(event) {
  const { target: form, submitter } = event;
  if (event.defaultPrevented || !form.matches(FORMS)) return;
  event.preventDefault();
  if (submitter && submitter.name === "score") return vote(form, submitter.value);
  return answer(form);
}

async function answer(form) {
  const texts = textsOf(form);
  const { score, text, category, ...others } = fieldsOf(form);
  if (score === undefined && !text && !category) return showError(form, "score", texts.choose) || showError(form, "text", texts.choose);
  const words = { ...others, score, text, category };
  if (await send(form, words, texts, statusOf(form))) {
    form.reset();
    writeDraft(nameOf(form));
  }
}

// The reason is asked without waiting for the answer, so that nothing moves later than the press.
async function vote(form, score) {
  if (form.dataset.vote) return;
  const id = randomId();
  const fields = { ...fieldsOf(form), scale: "0-1", score: +score, id };
  const panel = ask(form, fields);
  const texts = textsOf(form);
  const status = statusOf(form);
  if (await send(form, fields, texts, status)) return;
  if (panel.dataset.sent) return (status.textContent = texts.thanks); // with the reason, which was quicker
  if (form.dataset.vote === id && panel.isConnected && !panel.dataset.used) panel.remove();
  mark(form);
}

function ask(form, fields, draft = {}) {
  const texts = textsOf(form);
  const score = fields.score;
  const before = form.nextElementSibling; // of a vote that failed: its words stay, its reason only with the same vote
  if (before && before.matches(PANEL)) {
    const { reason, text } = fieldsOf(before);
    draft = { text, reason: before.dataset.score == score && reason };
    before.remove();
  }
  const group = make("fieldset", {}, make("legend", { textContent: texts[`why_${score}`] }));
  for (const reason of REASONS[score]) group.append(choice("reason", reason, texts[`${reason}_${score}`] || texts[reason]));
  const panel = make("form", { className: "warroom-reason", method: "post", action: form.getAttribute("action"), noValidate: true },
    group, ...textField(texts.more), make("p", { className: "warroom-actions" }, button(texts.send, "warroom-primary", "submit")));
  panel.dataset.score = score;
  fill(panel, draft);
  if (draft.text) panel.dataset.used = 1;
  panel.addEventListener("input", quietly(() => {
    hideErrors(panel);
    panel.dataset.used = 1;
    writeDraft(nameOf(form), { vote: fields, ...fieldsOf(panel) });
  }));
  panel.addEventListener("submit", quietly(async (event) => {
    event.preventDefault();
    const said = fieldsOf(panel);
    if (!said.reason && !said.text) return showError(panel, "reason", texts.choose);
    if (await send(panel, { ...fields, ...said }, texts, statusOf(form))) {
      writeDraft(nameOf(form));
      mark(form, fields);
      panel.dataset.sent = 1;
      if (panel.contains(document.activeElement)) form.querySelector("button").focus(); // the pressed button goes away
      panel.remove();
    }
  }));
  mark(form, fields);
  form.after(panel);
  return panel;
}

// The chosen answer stays to be seen, and can be reached, but not be pressed again.
function mark(form, { id = "", score } = {}) {
  form.dataset.vote = id;
  for (const one of form.querySelectorAll("button[name=score]")) {
    one.setAttribute("aria-pressed", String(one.value === String(score)));
    one.setAttribute("aria-disabled", String(Boolean(id)));
  }
}

function keepDraft(form) {
  hideErrors(form);
  writeDraft(nameOf(form), fieldsOf(form));
}

function restore(form) {
  const draft = readDraft(nameOf(form));
  if (!draft) return;
  if (draft.vote) ask(form, draft.vote, draft);
  else fill(form, draft);
}

export function fill(form, said) {
  for (const field of form.elements) {
    if (field.type === "radio") field.checked = field.checked || field.value === String(said[field.name]);
    else if (field.type !== "hidden" && field.name && !field.value && said[field.name]) field.value = said[field.name];
  }
}

const nameOf = (form) => {
  const said = ["survey", "element"].map((name) => (form.elements.namedItem(name) || {}).value || "");
  return [location.pathname, ...said, [...document.querySelectorAll(FORMS)].indexOf(form)].join(" ");
};

function statusOf(form) {
  const known = form.querySelector("[role=status]");
  return known || form.appendChild(make("p", { className: "warroom-status", role: "status" }));
}
