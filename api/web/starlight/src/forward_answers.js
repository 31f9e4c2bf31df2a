// What the endpoints answer themselves: problem documents, and the pages of a form that was sent without scripts.

const FORM = 'application/x-www-form-urlencoded';
const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const SENTENCES = {
  400: 'Something in it was not understood.',
  413: 'It was too long.',
  429: 'That was a lot in a short time. Please wait a while.',
};
export const THANKS = 'warroom-thanks';

export function isForm(request) {
  return (request.headers.get('content-type') ?? '').toLowerCase().startsWith(FORM);
}

/** RFC 9457, as the collector itself answers. */
export function problem(status, detail) {
  const headers = { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' };
  if (status === 503) headers['Retry-After'] = '60';
  return new Response(JSON.stringify({ type: 'about:blank', status, detail }), { status, headers });
}

/** Back to where the form was, at the words that say thanks. */
export function backToPage(fields, url) {
  return new Response(null, { status: 303, headers: { Location: `${pageOf(fields, url)}#${THANKS}` } });
}

/** Says that it was not sent, and offers to send the same again. */
export function formPage(status, retryAfter, fields, url) {
  const known = status in SENTENCES;
  const sentence = known ? SENTENCES[status] : 'It cannot be stored just now. Please try again in a minute.';
  const kept = [...fields].map(([name, value]) => `<input type="hidden" name="${escape(name)}" value="${escape(value)}">`);
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Not sent</title>
<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<style>:root{color-scheme:light dark}body{font:1.125rem/1.6 system-ui;max-width:36rem;margin:4rem auto;padding:0 1rem}</style>
</head><body><main><h1>Not sent</h1><p>${sentence}</p>
<form method="post" action="${escape(url.pathname)}">${kept.join('')}<button>Send again</button></form>
<p><a href="${escape(pageOf(fields, url))}">Back to the page</a></p></main></body></html>`;
  const headers = { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': PAGE_POLICY, 'Cache-Control': 'no-store' };
  if (retryAfter) headers['Retry-After'] = retryAfter;
  return new Response(html, { status: known ? status : 503, headers });
}

/** A path of this site, whatever the form says: with two slashes in front it would name another host. */
function pageOf(fields, url) {
  const page = fields.get('page') ?? '/';
  const target = URL.canParse(page, url) ? new URL(page, url) : new URL('/', url);
  return target.origin === url.origin ? target.pathname.replace(/^\/+/, '/') : '/';
}

function escape(text) {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
