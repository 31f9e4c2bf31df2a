// Who may be asked: a reader who agreed to one random id, where the owner has switched that on. The server knows whether
// a question is due; asking it claims the question, so it is asked only when the question could be shown at once.
import { isBusy } from "./widget_screen.js";
import { isLost, keepPrompt, openPrompt, showPrompt, takeAway } from "./widget_prompt.js";
import { language, mayStore, options, quietly, randomId, readId, urlOf, writeId } from "./widget_tag.js";

const AFTER_LOAD_MS = 10000;
const LOOK_AGAIN_MS = 2000;
const ASK_PAUSE_MS = 30000;

let person;
let isDone; // one question per page load
let timer;
let askedAt = -ASK_PAUSE_MS;

export function startQuestions() {
  know(readId());
  const draft = openPrompt();
  if (draft) quietly(showWhenFree)(draft.prompt, draft);
  else plan();
  if (window.navigation) navigation.addEventListener("navigatesuccess", () => {
    plan();
    setTimeout(quietly(showAgain), LOOK_AGAIN_MS);
  });
}

export const whoIsThis = () => person;

// The id after agreeing, null after taking it back or where it may not be kept.
export function consent(isGiven) {
  const id = isGiven && mayStore ? readId() || randomId() : null;
  know((isGiven && !mayStore) || !writeId(id) ? null : id);
  if (!person) takeAway();
  plan();
  return person;
}

function showAgain() {
  const draft = isLost();
  if (draft) return showWhenFree(draft.prompt, draft);
}

function know(id) {
  person = id;
  const { warroom } = window; // what stands on it goes out with every beacon
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (warroom) Object.assign(warroom, { person: id || undefined, zone: id ? zone : undefined, language: id ? language : undefined });
}

function plan() {
  clearTimeout(timer);
  if (!person || isDone) return;
  const [{ loadEventEnd = 0 } = {}] = performance.getEntriesByType("navigation");
  const earliest = Math.max((loadEventEnd || performance.now()) + +(options.promptDelay || AFTER_LOAD_MS), askedAt + ASK_PAUSE_MS);
  timer = setTimeout(quietly(ask), earliest - performance.now());
}

async function ask() {
  if (await isBusy()) timer = setTimeout(quietly(ask), LOOK_AGAIN_MS);
  else if (person && !isDone) {
    askedAt = performance.now();
    const { zone } = window.warroom || {};
    const query = new URLSearchParams(Object.entries({ site: options.site, person, language, zone }).filter(([, value]) => value));
    const answer = await fetch(`${urlOf("/prompts/next")}?${query}`, { credentials: "omit" });
    if (answer.status === 200) await showWhenFree(await answer.json());
  }
}

async function showWhenFree(prompt, draft) {
  isDone = true;
  keepPrompt(prompt, draft); // the server asks once, so the question goes along to the next page
  if (await isBusy()) setTimeout(quietly(() => showWhenFree(prompt, draft)), LOOK_AGAIN_MS);
  else if (person) await showPrompt(prompt, person, draft);
}
