// What elements say about themselves and where they are. Tutorial steps and variants of experiments count when they
// are really on screen.
import { opening, record } from "./views.js";
import { guard } from "./listening.js";
import { doc } from "./tag.js";
import { noticeDepth } from "./views.js";
import { read } from "./attributes.js";

export { read };

// Looks at everything anew: observers say where it is with the next frame, so the layout is never asked for it.
export const look = () => {
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
  if (!element["warroom" + done]) {
    element["warroom" + done] = 1; // first: a full queue is sent in between
    record(fields.step ? "sequence_step" : "exposure", fields);
  }
};

// On screen is what is half visible, or fills half of the screen; of the page itself, how much has been scrolled by.
const screen = new IntersectionObserver(guard((entries) => entries.map(({ boundingClientRect, intersectionRect, target }) => {
  if (doc.body == target) noticeDepth((intersectionRect.bottom - boundingClientRect.top) / boundingClientRect.height);
  else if (2 * intersectionRect.height > Math.min(innerHeight, boundingClientRect.height)) recordOnce(target);
})));
