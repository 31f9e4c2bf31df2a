// Mistakes of the page's own scripts: at most five kinds between two reports, the rest is counted in the fifth.
import { record } from "./views.js";

let errors = [];

export const noticeError = ({ message, reason, filename, lineno }) => {
  message ||= reason; // files that did not load have neither
  if (message) {
    message = (message + "").slice(0, 200);
    const known = errors.find((error) => error.message == message) || errors[4];
    known ? known.count++ : errors.push({ count: 1, line: lineno, message, source: filename?.split(/[?#]/)[0] });
  }
};

export const reportErrors = () => {
  errors.map((props) => record("script_error", { props }, 1));
  errors = [];
};
