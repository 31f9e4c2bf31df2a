// What is pressed: marked elements, links elsewhere, goals, and with FULL the place of every click.
import { record } from "./beacon.js";
import { read } from "./elements.js";
import { selectorOf } from "./selector.js";

export const noticeClick = ({ target, button, clientX, clientY }) => {
  if (FULL && button > 1) return; // the menu
  const near = (selector) => target.closest(selector);
  const marked = near("[data-warroom-click]");
  const goal = near("[data-warroom-goal]");
  const host = near("a")?.host;
  const click = { target: marked?.dataset.warroomClick, marked: !!marked };
  if (FULL) {
    click.props = { // a click by keyboard has 0 for x and y
      width: innerWidth, element: selectorOf(target), x: 1e3 * clientX / innerWidth | 0, y: 1e3 * clientY / innerHeight | 0,
    };
  }
  if (FULL || marked) record("click", click);
  if (host && host != location.host) record("outbound_click", { target: host });
  if (goal) record("conversion", read(goal));
};
