// What did not fit into the core: copies of code, downloads, site search, forms that are goals, finishing a step by a
// button, and fetching the widget when it is needed. A second tag, after the core's: <script defer src="…/warroom-extras.js"></script>
import { read } from "./attributes.js";
import { selectorOf } from "./selector.js";
import { guard } from "./listening.js";

const FILE = /\.(pdf|zip|t?gz|bz2|xz|7z|rar|exe|dmg|pkg|msi|deb|rpm|apk|iso|jar|whl|gem|csv|tsv|xlsx?|docx?|pptx?|od[tsp]|epub|mp[34]|wav|mov|svgz|ttf|otf|woff2?)$/i;
const COPY_BUTTONS = "pre button,.copy button,button[class*=copy i]"; // Starlight, Docusaurus, MkDocs, VitePress
const QUESTION_MS = 1e4;
const address = new URL("widget.js", document.currentScript.src);
const tags = [...document.querySelectorAll("script[data-site]")]; // other tools have such tags, too: as in widget_tag.js
const { dataset: options } = tags.find(({ src }) => /\/warroom[^/]*$/.test(src)) || tags.find(({ src }) => src && new URL("widget.js", src).href == address) || tags[0];
const { warroom } = window;
let widget;

if (warroom.widget) throw 0; // included twice

warroom.widget = () => (widget ||= import(address).catch(() => {}));

listen("click auxclick", ({ target, button }) => {
  if (button > 1) return;
  const link = target.closest("a[href]");
  const copy = target.closest(COPY_BUTTONS);
  const step = target.closest("[data-warroom-done]")?.closest("[data-warroom-step]");
  const file = link && (link.download || (FILE.test(link.pathname) && link.pathname));
  if (file) warroom.record("file_download", { target: file, props: { element: selectorOf(link) } });
  if (copy) noteCopy(copy);
  if (step) step.dataset.warroomDone = "";
});

listen("copy", ({ target }) => {
  const block = target.closest("pre,code");
  if (block) noteCopy(block);
});

if (options.search)
  listen("change", ({ target }) => {
    if (target.matches(options.search) && target.value) warroom("site_search", { term: wellFormed(target.value.slice(0, 99)) });
  });

// A form that is a goal has reached it when it is sent.
listen("submit", ({ target }) => {
  if (target.matches("[data-warroom-goal]")) warroom.record("conversion", read(target));
});

// The form waits for the widget, which answers in place; without the widget it is sent as the plain form it is.
listen("submit", (event) => {
  const form = event.target;
  const { submitter } = event;
  if (widget || window.warroomWidget || !form.matches("[data-warroom-form],[data-warroom-helpful],[data-warroom-survey]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  warroom.widget().then(guard(() => form.requestSubmit(submitter)));
});

// The question, and what was typed and not sent, are for readers who agreed to an id.
if ("prompts" in options) guard(() => {
  if (localStorage["warroom.id"]) setTimeout(warroom.widget, options.promptDelay || QUESTION_MS);
})();

function listen(names, action) {
  for (const name of names.split(" ")) addEventListener(name, guard(action), true);
}

// Half of an emoji, where the text was cut, would make the whole beacon invalid.
function wellFormed(text) {
  return text.replace(/[\ud800-\udbff]$/, "");
}

function noteCopy(element) {
  warroom("code_copy", { element: selectorOf(element) });
}
