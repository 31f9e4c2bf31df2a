// The parts that questions are made of, and the words they use when the page brings none.

export const ENGLISH = {
  send: "Send",
  sending: "Sending …",
  thanks: "Thank you! The team reads every answer.",
  failed: "Not sent. Your words are still here; please try again.",
  later: "Not now",
  never: "Don't ask me again",
  close: "Close",
  choose: "Please choose an answer, or write a few words first.",
  more: "Tell us more (optional)",
  why_0: "What went wrong?",
  why_1: "What helped?",
  findability_0: "I could not find what I need",
  findability_1: "It was easy to find",
  clarity_0: "It is hard to understand",
  clarity_1: "It is easy to understand",
  accuracy_0: "It is wrong, or does not work",
  accuracy_1: "It is right, and it worked",
  out_of_date_0: "It is out of date",
  other: "Something else",
};

let ids = 0;
export const newId = () => `warroom-${++ids}`;

export function make(name, { role, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  if (role) element.setAttribute("role", role);
  element.append(...children);
  return element;
}

export const choice = (name, value, words) => make("label", { className: "warroom-choice" },
  make("input", { type: "radio", name, value }), make("span", { textContent: words }));

export function textField(words) {
  const id = newId();
  return [make("label", { htmlFor: id, textContent: words }), make("textarea", { id, name: "text", rows: 3, maxLength: 5000 })];
}

export const button = (words, className = "", type = "button") => make("button", { type, className, textContent: words });

export function textsOf(form) {
  try { return { ...ENGLISH, ...JSON.parse(form.dataset.texts || "{}") }; } catch { return ENGLISH; }
}

// The reason stands next to the field, is tied to it, and gets the reader there.
export function showError(form, name, reason) {
  const found = form.elements.namedItem(name);
  const input = found instanceof RadioNodeList ? found[0] : found;
  if (!input || input.type === "hidden") return false;
  const place = input.type === "radio" ? input.closest("fieldset") : input;
  let error = document.getElementById(place.dataset.errorId);
  if (!error) {
    error = make("p", { className: "warroom-error", id: newId() });
    place.dataset.errorId = error.id;
    place.setAttribute("aria-describedby", error.id);
    place.after(error);
  }
  error.textContent = reason;
  error.hidden = false;
  if (place === input) input.setAttribute("aria-invalid", "true");
  input.focus();
  return true;
}

export function hideErrors(form) {
  for (const place of form.querySelectorAll("[data-error-id]")) {
    document.getElementById(place.dataset.errorId).hidden = true;
    place.removeAttribute("aria-invalid");
  }
}

export function focusQuietly(element) {
  if (!element.matches("a[href], button, input, select, textarea, [tabindex]")) element.tabIndex = -1;
  element.focus({ preventScroll: true });
}
