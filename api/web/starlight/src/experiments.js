// Chooses one variant of each experiment before the first paint. All variants are in the built HTML; an attribute on
// <html> says which one shows, and a style sheet hides the others. Without scripts the first variant shows.
import { createHash } from 'node:crypto';

// Reads the experiments and the store from its own tag, so that its text, and with it the hash, is always the same.
// 200 bytes at most, hence `with` and all[0], which is <html>. A browser that asks not to be tracked looks into a store
// that does not exist: it draws, and keeps nothing.
export const EXPERIMENT_SNIPPET = String.raw`with(document)with(currentScript.dataset)e.replace(/(\S+):(\d+)/g,(x,a,v)=>{v*=Math.random();try{v=self[(x=navigator).globalPrivacyControl|x.doNotTrack>0||k][a]??=v}catch{}all[0].setAttribute(a,v|0)})`;
export const EXPERIMENT_SNIPPET_HASH = `'sha256-${createHash('sha256').update(EXPERIMENT_SNIPPET).digest('base64')}'`;

// Astro's router gives <html> the attributes of the next page, which has not drawn: it takes over what this one shows.
export const KEEP_VARIANTS = `document.addEventListener('astro:before-swap', ({ newDocument }) => {
  for (const { name, value } of document.documentElement.attributes)
    if (name.startsWith('data-w-')) newDocument.documentElement.setAttribute(name, value);
});`;

/** The attributes of the inline script; null when there is nothing to choose. */
export function snippetAttributes({ experiments, keepVariants }) {
  const counts = Object.entries(experiments).map(([name, variants]) => `data-w-${name}:${variants.length}`);
  if (!counts.length) return null;
  return { 'data-e': counts.join(' '), ...(keepVariants ? { 'data-k': keepVariants } : {}) };
}

/** Hides the variants that were not chosen. */
export function experimentStyles(experiments) {
  return Object.entries(experiments).map(([name, variants]) => stylesOf(name, variants)).join('\n');
}

function stylesOf(name, variants) {
  const chosen = (index) => `[data-w-${name}="${index}"]`;
  const others = (variant) => `[data-warroom-experiment="${name}"]:not([data-warroom-variant="${variant}"])`;
  const rest = variants.slice(1);
  const first = `html:not(${rest.map((_, index) => chosen(index + 1)).join(',')}) ${others(variants[0])}`;
  const selectors = [first, ...rest.map((variant, index) => `html${chosen(index + 1)} ${others(variant)}`)];
  return `${selectors.join(',\n')}{display:none!important}`;
}
