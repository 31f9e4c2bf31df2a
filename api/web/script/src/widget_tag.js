// The tag whose page this is, its options, and what they and the reader's browser allow.

// Other tools have tags with data-site, too. Ours says so itself, is called so, or lies where this file lies.
const tags = [...document.querySelectorAll("script[data-site]")];
const folderOf = (address) => address.replace(/[^/]*$/, "");
export const tag = (window.warroom || {}).tag || tags.find(({ src }) => /\/warroom[^/]*$/.test(src))
  || tags.find(({ src }) => folderOf(src) == folderOf(import.meta.url));
export const options = tag ? tag.dataset : {};
export const isSilent = navigator.globalPrivacyControl || navigator.doNotTrack == 1
  || (navigator.webdriver && !("allowAutomation" in options));
export const mayStore = "prompts" in options && !isSilent; // the owner's switch; a privacy signal outranks it
export const language = options.language || document.documentElement.lang || undefined;

// Our mistakes are neither the page's nor reported as the page's.
export const quietly = (action) => (...args) => {
  try {
    const result = action(...args);
    return result && result.catch ? result.catch(() => {}) : result;
  } catch {}
};

export const urlOf = (path) => new URL((options.api || ".") + path, options.api ? location : tag.src).href;

export const randomId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");

const read = (storage, key) => { try { return window[storage].getItem(key); } catch {} };
const write = (storage, key, value) => {
  try {
    if (value) window[storage].setItem(key, value);
    else window[storage].removeItem(key);
    return true;
  } catch {}
};

const ID = "warroom.id";
export const readId = () => (mayStore ? read("localStorage", ID) : null);
export const writeId = (id) => {
  if (!id) forgetDrafts();
  return write("localStorage", ID, id);
};

// What was typed but not sent yet, until the tab is closed; kept for readers who agreed, like everything here.
const DRAFT = "warroom.draft ";
export const readDraft = (name) => { try { return JSON.parse((readId() && read("sessionStorage", DRAFT + name)) || "null"); } catch {} };
export const writeDraft = (name, value) => readId() && write("sessionStorage", DRAFT + name, value && JSON.stringify(value));
const forgetDrafts = () => {
  try { for (const key of Object.keys(sessionStorage)) if (key.startsWith(DRAFT)) sessionStorage.removeItem(key); } catch {}
};
