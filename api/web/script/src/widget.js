// What readers can tell us: votes with their reasons, surveys and feedback in the forms of the page, and the one question
// after a week. Fetched only when it is needed; without it every form is sent as the plain form it is.
// Its style is in it (STYLES is widget.css), so that there is one request, and no policy for style stands against it.
import { watchForms } from "./widget_forms.js";
import { consent, startQuestions, whoIsThis } from "./widget_question.js";
import { quietly } from "./widget_tag.js";

function start() {
  window.warroomWidget = { consent: quietly(consent), person: whoIsThis };
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLES);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

if (!window.warroomWidget) {
  quietly(start)();
  quietly(watchForms)();
  quietly(startQuestions)();
}
