// What is pressed: marked elements, goals, links elsewhere, and with FULL the place of every click.
import { read } from "./elements.js";
import { selectorOf } from "./selector.js";
import { record } from "./views.js";

export const noticeClick = (event) => {
  if (FULL && event.button > 1) return; // the menu
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
  if (found) record("conversion", read(found));
};
