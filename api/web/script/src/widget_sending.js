// Sends an answer, once at a time, and says in the form's status region what became of it.
import { hideErrors, showError } from "./widget_parts.js";
import { randomId } from "./widget_tag.js";

const PATIENCE_MS = 20000;
const ids = new Map(); // the same body keeps its id, so sending it again is harmless; changed words are a new answer

export const fieldsOf = (form) => {
  const fields = Object.fromEntries([...new FormData(form)].filter(([, value]) => value.trim && value.trim()));
  if (fields.score) fields.score = +fields.score;
  else delete fields.scale;
  return fields;
};

// The id under which it was taken; nothing when it was not, and then everything is as it was.
export async function send(form, fields, texts, status) {
  if (form.dataset.busy) return;
  form.dataset.busy = 1;
  form.setAttribute("aria-busy", "true");
  hideErrors(form);
  status.textContent = texts.sending;
  const { id, detail, errors } = await post(form.getAttribute("action"), fields);
  delete form.dataset.busy;
  form.removeAttribute("aria-busy");
  status.textContent = id ? texts.thanks : detail || texts.failed;
  for (const { field, reason } of errors || []) showError(form, field, reason);
  return id;
}

async function post(url, fields) {
  const content = JSON.stringify(fields);
  const id = fields.id || ids.get(content) || randomId();
  ids.set(content, id);
  try {
    const signal = AbortSignal.timeout ? AbortSignal.timeout(PATIENCE_MS) : undefined;
    const body = JSON.stringify({ ...fields, id }); // a plain string is text/plain: no preflight
    const response = await fetch(url, { method: "POST", body, credentials: "omit", signal });
    const { id: taken, detail, errors } = await response.json();
    if (response.ok && taken !== undefined) { // null: left out by a rule. No id at all: a proxy spoke, and nobody has it
      ids.delete(content);
      return { id };
    }
    return { errors, detail: response.status === 429 || response.status === 400 ? detail : "" };
  } catch {
    return {};
  }
}
