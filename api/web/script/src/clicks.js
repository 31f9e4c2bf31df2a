// What is pressed: marked elements, goals, links elsewhere, and with FULL the place of every click.
import { read } from "./elements.js";
import { selectorOf } from "./selector.js";
import { record } from "./views.js";

let stamp;

export const noticeClick = (event) => {
  // A label's press, which comes again for what it labels, at the same time or at none; and the menu.
  if (FULL && (stamp >= (stamp = event.timeStamp) || event.button > 1)) return;
  const near = (selector) => event.target.closest(selector);
  let found = near("a")?.host;
  if (found && found != location.host) record("outbound_click", { target: found });
  found = near("[data-warroom-click]");
  if (FULL) {
    record("click", {
      target: found?.dataset.warroomClick,
      marked: found ? true : undefined,
      props: { // a click by keyboard has 0 for x and y
        width: innerWidth, element: selectorOf(event.target), x: 1e3 * event.clientX / innerWidth | 0, y: 1e3 * event.clientY / innerHeight | 0,
      },
    });
  } else if (found) record("click", { target: found.dataset.warroomClick, marked: true });
  found = near("[data-warroom-goal]");
  if (found && !(FULL && found.action)) record("conversion", read(found)); // a form by its submit, in the extras
};
