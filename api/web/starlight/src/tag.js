// The tags of a page's head, as attributes for Starlight and as HTML for every other page.
import { EXPERIMENT_SNIPPET, snippetAttributes } from './experiments.js';

/** Starlight's form of a head: [{ tag, attrs, content }]. */
export function headEntries(options, src, extras, api) {
  const chooser = snippetAttributes(options);
  const entries = [{ tag: 'script', attrs: tagAttributes(options, src, api) }];
  if (extras) entries.push({ tag: 'script', attrs: { defer: true, src: extras } }); // after the core, which it builds on
  if (chooser) entries.unshift({ tag: 'script', attrs: chooser, content: EXPERIMENT_SNIPPET });
  return entries;
}

/** The same as HTML. */
export function headHtml(entries) {
  return entries.map(({ tag, attrs, content = '' }) => `<${tag}${attributesHtml(attrs)}>${content}</${tag}>`).join('');
}

function tagAttributes(options, src, api) {
  return withoutFalse({
    defer: true,
    src,
    ...(options.integrity ? { integrity: options.integrity, crossorigin: 'anonymous' } : {}),
    'data-site': options.site,
    'data-api': api,
    'data-track': `${api}/track`,
    'data-prompts': options.prompts,
    ...options.attributes,
  });
}

function withoutFalse(attributes) {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== false));
}

function attributesHtml(attributes) {
  return Object.entries(attributes)
    .map(([name, value]) => (value === true ? ` ${name}` : ` ${name}="${escapeAttribute(value)}"`))
    .join('');
}

function escapeAttribute(text) {
  return String(text).replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
