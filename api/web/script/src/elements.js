// What elements say about themselves and where they are. Tutorial steps and variants of experiments count when they
// are really on screen.
import { opening, record } from "./beacon.js";
import { noticeDepth } from "./engagement.js";
import { guard } from "./listening.js";
import { doc } from "./tag.js";

// data-warroom-sequence="quickstart" data-warroom-step="2" … as fields of an event; step, steps and value_cents are numbers.
export const read = (element) => {
  const fields = {};
  (FULL ? "sequence step steps experiment variant goal value_cents currency" : "goal value_cents currency").split(" ").map((name) => {
    const value = element.getAttribute("data-warroom-" + name);
    if (value) fields[name] = /st|_/.test(name) ? +value : value;
  });
  return fields;
};

// A router sets title and content after the address, so they are read as late as possible.
export const settle = () => {
  opening.marked = !!doc.querySelector("[data-warroom-click]");
  opening.title = doc.title;
  if (FULL) doc.querySelectorAll("[data-warroom-step],[data-warroom-variant]").forEach((element) => {
    screen.observe(element);
    if ("warroomDone" in element.dataset) recordOnce(element, true);
  });
};

const recordOnce = (element, done) => {
  const fields = read(element);
  fields.done = done;
  element["warroom" + done] ||= !record(fields.step ? "sequence_step" : "exposure", fields);
};

// On screen is what is half visible, or fills half of the screen; of the page itself, how much has been scrolled by.
// Observers bring fresh geometry, so the layout is never asked for it.
const screen = new IntersectionObserver(guard((entries) => {
  entries.map(({ intersectionRatio, intersectionRect, boundingClientRect, target }) => {
    if (target == doc.body) noticeDepth((innerHeight - boundingClientRect.top) / boundingClientRect.height);
    else if (FULL && (intersectionRatio >= 0.5 || 2 * intersectionRect.height > innerHeight)) recordOnce(target);
  });
  settle();
}), { threshold: FULL ? [0.1, 0.2, 0.3, 0.5] : 0 });

export const look = () => {
  screen.unobserve(doc.body);
  screen.observe(doc.body);
};
