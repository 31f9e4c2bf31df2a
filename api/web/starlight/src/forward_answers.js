// What the endpoints answer themselves: problem documents, and the pages of a form that was sent without scripts.

const FORMS = ['application/x-www-form-urlencoded', 'multipart/form-data'];
const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const SENTENCES = {
  400: 'Something in it was not understood.',
  403: 'Pages of other sites may not send here.',
  413: 'It was too long.',
  415: 'This form is made in a way that cannot be taken here. Please tell the people who run this site.',
  429: 'That was a lot in a short time. Please wait a while.',
  503: 'It cannot be stored just now. Please try again in a minute.',
};
export const THANKS = 'warroom-thanks';

export function isForm(request) {
  const type = (request.headers.get('content-type') ?? '').toLowerCase();
  return FORMS.some((form) => type.startsWith(form));
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

/** Says that it was not sent, and offers to send the same again; without `fields` it was not read. */
export function formPage(status, retryAfter, fields, url) {
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Not sent</title>
<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<style>:root{color-scheme:light dark}body{font:1.125rem/1.6 system-ui;max-width:36rem;margin:4rem auto;padding:0 1rem}button{font:inherit;padding:.5rem 1rem}</style>
</head><body><main><h1>Not sent</h1><p>${SENTENCES[status]}</p>
${fields ? sendAgain(fields, url) : '<p>Your browser’s “Back” leads to your words.</p>'}</main></body></html>`;
  const headers = { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': PAGE_POLICY, 'Cache-Control': 'no-store' };
  if (retryAfter) headers['Retry-After'] = retryAfter;
  return new Response(html, { status, headers });
}

function sendAgain(fields, url) {
  const kept = [...fields].map(([name, value]) => `<input type="hidden" name="${escape(name)}" value="${escape(value)}">`);
  return `<form method="post" action="${escape(url.pathname)}">${kept.join('')}<button>Send again</button></form>
<p><a href="${escape(pageOf(fields, url))}">Back to the page</a></p>`;
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
