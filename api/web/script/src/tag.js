// The tag in the page and its options.

export const doc = document;
export const script = doc.currentScript;
export const options = script.dataset;

if (window.warroom?.who) throw 0; // included twice, or run again by a router: the first one goes on

export const isSilent = navigator.globalPrivacyControl || navigator.doNotTrack == 1
  || (navigator.webdriver && !("allowAutomation" in options));
