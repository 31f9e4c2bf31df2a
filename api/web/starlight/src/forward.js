// Passes what a page sends on to the collector: only the body, and of the headers only those named here. The key is the
// site's own; cookies and the page's address stay here; redirects are not followed.
import { backToPage, formPage, isForm, problem } from './forward_answers.js';

const PASSED_HEADERS = ['content-type', 'accept-language', 'sec-gpc', 'dnt'];
const MOST_AT_ONCE = 200; // a collector that hangs must not hold the docs site's own connections
const LOG_EVERY_MS = 60_000;
const ANSWER_BYTES = 65_536;
const MOST_QUERY = 500;

let atOnce = 0;
const unsent = { count: 0, loggedAt: -Infinity };

/** 202 without a body, also when the collector cannot take it: an error would only stand in the reader's console. */
export async function passOnEvents(request, reader, settings) {
  const body = await readOwnBody(request, reader, settings);
  if (body instanceof Response) return body;
  const answer = await ask('/track', request, body, reader, settings);
  if (answer && [400, 413, 415].includes(answer.status)) return problem(answer.status, await detailOf(answer));
  await answer?.body?.cancel();
  if (!answer?.ok) noteUnsent('event requests', answer);
  return new Response(null, { status: 202, headers: { 'Cache-Control': 'no-store' } });
}

/** The collector's own answer, or 503 with a sentence: the reader keeps what was typed. A form gets a page each time. */
export async function passOnFeedback(request, reader, settings) {
  const body = await readOwnBody(request, reader, settings);
  if (body instanceof Response) return isForm(request) ? formPage(body.status, null, null, reader.url) : body;
  const answer = await ask('/feedback', request, body, reader, settings);
  if (isForm(request)) return answerForm(answer, request, body, reader);
  if (answer && (answer.ok || [400, 413, 415, 429].includes(answer.status))) return copyOf(answer);
  await answer?.body?.cancel();
  noteUnsent('feedback', answer);
  return problem(503, 'Not sent: the feedback cannot be stored just now. Please try again in a minute.');
}

/** The question that is due, or 204 for none, also when the collector cannot say. */
export async function passOnQuestion(request, reader, settings) {
  const answer = await ask(`/prompts/next${reader.url.search.slice(0, MOST_QUERY)}`, request, undefined, reader, settings);
  if (answer?.status === 200) return copyOf(answer);
  await answer?.body?.cancel();
  if (answer?.status !== 204) noteUnsent('a request for a question', answer);
  return new Response(null, { status: 204, headers: { 'Cache-Control': 'no-store' } });
}

/** "Not now", or "don't ask me again". */
export async function passOnDismissal(request, reader, settings, id) {
  const body = await readOwnBody(request, reader, settings);
  if (body instanceof Response) return body;
  const answer = await ask(`/prompts/${encodeURIComponent(id)}/dismiss`, request, body, reader, settings);
  await answer?.body?.cancel();
  if (!answer?.ok) noteUnsent('a dismissal', answer);
  return new Response(null, { status: answer?.ok ? 204 : 202, headers: { 'Cache-Control': 'no-store' } });
}

async function answerForm(answer, request, body, reader) {
  const isRead = !request.headers.get('content-type').toLowerCase().startsWith('multipart');
  const fields = isRead ? new URLSearchParams(new TextDecoder().decode(body)) : null;
  const retryAfter = answer?.headers.get('retry-after');
  await answer?.body?.cancel();
  if (fields && (answer?.status === 303 || answer?.ok)) return backToPage(fields, reader.url);
  const isReadersCase = [400, 413, 415, 429].includes(answer?.status);
  if (!isReadersCase) noteUnsent('feedback', answer);
  return formPage(isReadersCase ? answer.status : 503, retryAfter, fields, reader.url);
}

/** The body of a request of our own pages, or the answer that refuses it. */
async function readOwnBody(request, reader, { bodyLimitBytes }) {
  const origin = request.headers.get('origin');
  if (origin && !isOwn(origin, request, reader.url)) return problem(403, 'Pages of other sites may not send here.');
  const refused = problem(413, `The body is larger than ${bodyLimitBytes} bytes.`);
  if (Number(request.headers.get('content-length')) > bodyLimitBytes) return refused;
  return (await readBounded(request.body, bodyLimitBytes)) ?? refused;
}

function isOwn(origin, request, url) {
  // Pages with `Referrer-Policy: no-referrer` name no origin, nor do sandboxed frames, which are no site's own.
  if (!URL.canParse(origin)) return origin === 'null' && request.headers.get('sec-fetch-site') === 'same-origin';
  const { host } = new URL(origin);
  return host === url.host || host === request.headers.get('host');
}

/** The bytes of a stream, or null when there are too many. */
async function readBounded(stream, limit) {
  const chunks = [];
  let size = 0;
  for await (const chunk of stream ?? []) {
    size += chunk.byteLength;
    if (size > limit) return null;
    chunks.push(chunk);
  }
  const body = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return body;
}

/** The collector's answer; null when there was none in time. */
async function ask(path, request, body, reader, { collector, key, timeoutMs }) {
  if (!key || atOnce >= MOST_AT_ONCE) return null;
  atOnce += 1;
  try {
    return await fetch(collector + path, {
      method: request.method,
      body,
      headers: headersFor(request, reader, key),
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch {
    return null;
  } finally {
    atOnce -= 1;
  }
}

function headersFor(request, { address }, key) {
  const agent = request.headers.get('user-agent') ?? '';
  const headers = new Headers({ Authorization: `Bearer ${key}`, 'User-Agent': agent, 'X-Forwarded-User-Agent': agent });
  for (const name of PASSED_HEADERS) if (request.headers.has(name)) headers.set(name, request.headers.get(name));
  if (address) headers.set('X-Forwarded-For', address);
  return headers;
}

async function copyOf(answer) {
  const headers = new Headers({ 'Cache-Control': 'no-store' });
  for (const name of ['content-type', 'retry-after'])
    if (answer.headers.has(name)) headers.set(name, answer.headers.get(name));
  const body = await boundedAnswer(answer);
  return new Response(body?.byteLength ? body : null, { status: answer.status, headers });
}

async function detailOf(answer) {
  try {
    return JSON.parse(new TextDecoder().decode(await boundedAnswer(answer))).detail;
  } catch {
    return 'The collector did not understand the request.';
  }
}

async function boundedAnswer(answer) {
  try {
    return await readBounded(answer.body, ANSWER_BYTES);
  } catch {
    return null; // cut off
  }
}

/** One line a minute at most: how many were not taken, and why the last one was not. */
function noteUnsent(what, answer) {
  unsent.count += 1;
  const now = Date.now();
  if (now - unsent.loggedAt < LOG_EVERY_MS) return;
  console.error(`warroom: ${unsent.count} not passed on; the last (${what}): ${reasonOf(answer)}`);
  unsent.loggedAt = now;
  unsent.count = 0;
}

function reasonOf(answer) {
  if (!answer) return 'the collector did not answer in time, or WARROOM_KEY is not set';
  if ([401, 403].includes(answer.status)) return 'WARROOM_KEY needs the scope events:forward and the same site';
  return `the collector answered ${answer.status}`;
}
