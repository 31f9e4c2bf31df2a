// Middleware: writes the tag at the end of each HTML page's head, while the page streams by.
import { head } from 'virtual:warroom';

const END_OF_HEAD = /<\/head\s*>/i;
const DOCUMENT = /^\s*<!doctype/i; // Astro writes it, but not before fragments
// What browsers put into the head of a page that writes none.
const ATTRIBUTES = `(?:"[^"]*"|'[^']*'|[^'">])*`;
const HEAD_CONTENT = new RegExp(
  `^(?:\\s+|<!--[^]*?-->|<(?:!doctype|html|head|meta|link|base)\\b${ATTRIBUTES}>|<(title|style|script|noscript|template)\\b[^]*?</\\1\\s*>)*`,
  'i',
);

export const onRequest = async (_context, next) => {
  const response = await next();
  if (!response.body || !response.headers.get('content-type')?.startsWith('text/html')) return response;
  const headers = new Headers(response.headers);
  headers.delete('content-length');
  const body = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(inserting()).pipeThrough(new TextEncoderStream());
  return new Response(body, { status: response.status, statusText: response.statusText, headers });
};

function inserting() {
  let held = ''; // what came before the head ended; null from then on
  return new TransformStream({
    transform(chunk, controller) {
      if (held === null) return controller.enqueue(chunk);
      held += chunk;
      const end = held.search(END_OF_HEAD);
      if (end < 0) return undefined;
      controller.enqueue(held.slice(0, end) + head + held.slice(end));
      held = null;
      return undefined;
    },
    flush(controller) {
      if (held) controller.enqueue(DOCUMENT.test(held) ? withTag(held) : held);
    },
  });
}

function withTag(page) {
  const [content] = HEAD_CONTENT.exec(page);
  return content + head + page.slice(content.length);
}
