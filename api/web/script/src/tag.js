// The tag in the page, its options, and what was called before there was a script.

export const doc = document;
export const script = doc.currentScript;
export const options = script.dataset;

// Included twice, or run again by a router: then `q` is the first one's function, which cannot be spread, and this ends.
export const calls = [...self.warroom?.q || []];

// Without a host it is a page from a reader's disk, whose path is nobody's business.
export const mayTell = () => (!FULL || location.host) && !((navigator.webdriver && options.allowAutomation == null)
  || navigator.doNotTrack > 0 || navigator.globalPrivacyControl);
