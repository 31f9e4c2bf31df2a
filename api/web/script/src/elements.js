// What elements say about themselves and where they are. Tutorial steps and variants of experiments count when they
// are really on screen.
import { opening, record } from "./beacon.js";
import { measure } from "./engagement.js";
import { guard } from "./listening.js";
import { doc, root } from "./tag.js";

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
  opening.title = doc.title;
  opening.marked = !!doc.querySelector("[data-warroom-click]");
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

// On screen is what is half visible, or fills half of the screen. The page itself is observed too: that tells its height.
const screen = new IntersectionObserver(guard((entries) => {
  if (FULL) entries.map(({ intersectionRatio, intersectionRect, target }) => {
    if (target != root && (intersectionRatio >= 0.5 || 2 * intersectionRect.height > innerHeight)) recordOnce(target);
  });
  measure();
}), { threshold: FULL ? [0.1, 0.2, 0.3, 0.5] : 0 });

export const watchScreen = () => {
  screen.disconnect();
  screen.observe(root);
};
