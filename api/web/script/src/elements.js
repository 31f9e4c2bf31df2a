// Where marked elements are: tutorial steps and variants of experiments count when they are really on screen, once a view;
// and how deep the page was scrolled.
import { noticeDepth, opening, record, view } from "./views.js";
import { guard } from "./listening.js";
import { doc } from "./tag.js";
import { read } from "./attributes.js";

export { read };

let isSettled; // until then what is on screen may be the page that was left: a router exchanges it a moment later

export const unsettle = () => { isSettled = 0; };

// Looks at everything anew: observers say where it is with the next frame, so the layout is never asked for it.
export const look = (settled) => {
  if (FULL) isSettled ||= settled;
  if (doc.querySelector("[data-warroom-click]")) opening.marked = true;
  [...doc.querySelectorAll("[data-warroom-step],[data-warroom-variant],body")].map((element) => {
    if (element.matches("[data-warroom-done]")) recordOnce(element, true);
    screen.unobserve(element);
    screen.observe(element);
  });
};

const recordOnce = (element, done) => {
  const fields = read(element);
  fields.done = done;
  if (FULL ? element["warroom" + done] != view : !element["warroom" + done]) {
    element["warroom" + done] = FULL ? view : 1; // first: a full queue is sent in between
    record(fields.step ? "sequence_step" : "exposure", fields);
  }
};

// On screen is what is half visible, or fills half of the screen; of the page itself, how much has been scrolled by.
const screen = new IntersectionObserver(guard((entries) => (!FULL || isSettled) && entries.map(({ boundingClientRect, intersectionRect, target }) => {
  if (doc.body == target) noticeDepth((intersectionRect.bottom - boundingClientRect.top) / boundingClientRect.height);
  else if (2 * intersectionRect.height > Math.min(innerHeight, boundingClientRect.height)) recordOnce(target);
})));
