// The docs site as its host serves it, once per variant on a loopback port of its own, and the collector on another one.
import { existsSync, readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { extname } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';

const COLLECTOR_IN_BUILD = 'http://127.0.0.1:9';
const SAME_ORIGIN_PATH = '/feedback-box';
export const OWN_SCRIPT = /\/_astro\/w\.[0-9a-f]{8}\/warroom\.js/;
export const OWN_FILE = /\/_astro\/w\.[0-9a-f]{8}\//;
const TYPES = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml', '.json': 'application/json', '.txt': 'text/plain; charset=utf-8', '.xml': 'application/xml',
};
// About 100 ms of work in one task: counted in work, not by the clock, which also runs while others have the processor.
const BUSY =
  'addEventListener("load",()=>{const work=()=>{const start=performance.now();for(let i=0,x=1;i<4e5;i++)x=x*1.1%7;' +
  'return performance.now()-start};const best=Math.min(...Array.from({length:9},work));' +
  'for(let left=100/best;left>0;left--)work()});';

/** All servers; `variants` maps a name to the address of its site. */
export async function startServers(builds) {
  const collector = await startCollector();
  const dead = `http://127.0.0.1:${await freePort()}`;
  const kinds = {
    without: { folder: builds.off },
    up: { folder: builds.on, api: collector.address },
    refusing: { folder: builds.on, api: dead },
    proxied: { folder: builds.on, api: SAME_ORIGIN_PATH, upstream: dead },
    'script gone': { folder: builds.on, api: collector.address, script: `${dead}/warroom.js` },
    busy: { folder: builds.on, api: collector.address, before: BUSY },
  };
  const servers = [];
  const variants = {};
  for (const [name, kind] of Object.entries(kinds)) {
    const server = await listen(docsSite(kind));
    servers.push(server);
    variants[name] = addressOf(server);
  }
  return {
    variants,
    collector,
    dead,
    stop: () => [...servers, collector.server].forEach((server) => { server.closeAllConnections(); server.close(); }),
  };
}

/** Whether a request is one of ours, by its address. */
export function isOwn(url) {
  const { pathname } = new URL(url);
  return isOwnFile(url) || pathname.endsWith('/track') || pathname.endsWith('/warroom.js');
}

export function isOwnScript(url) {
  return OWN_SCRIPT.test(new URL(url).pathname);
}

export function isOwnFile(url) {
  return OWN_FILE.test(new URL(url).pathname);
}

function docsSite(kind) {
  const cache = new Map();
  return (message, response) => {
    const { pathname } = new URL(message.url, 'http://localhost');
    if (kind.upstream && pathname.startsWith(`${SAME_ORIGIN_PATH}/`)) return passOn(message, response, kind.upstream);
    if (!cache.has(pathname)) cache.set(pathname, load(kind, pathname));
    const file = cache.get(pathname);
    response.writeHead(file.status, file.headers);
    response.end(file.body);
    return undefined;
  };
}

function load(kind, pathname) {
  let path = `${kind.folder}${decodeURIComponent(pathname)}`;
  if (pathname.endsWith('/')) path += 'index.html';
  const isThere = !pathname.includes('..') && existsSync(path) && extname(path) !== '';
  if (!isThere) path = `${kind.folder}/404.html`;
  const type = TYPES[extname(path)] ?? 'application/octet-stream';
  const body = brotliCompressSync(prepare(kind, pathname, readFileSync(path)), {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11 },
  });
  const lasting = pathname.startsWith('/_astro/') ? 'public, max-age=31536000, immutable' : 'public, max-age=0, must-revalidate';
  const headers = { 'Content-Type': type, 'Content-Encoding': 'br', 'Content-Length': body.length, 'Cache-Control': lasting };
  return { status: isThere ? 200 : 404, headers, body };
}

/** The built page with the address of this variant's collector; the script with what this variant puts before it. */
function prepare(kind, pathname, content) {
  if (kind.before && OWN_SCRIPT.test(pathname)) return Buffer.from(kind.before + content);
  if (!pathname.endsWith('/') || !kind.api) return content;
  const page = content.toString('utf-8').replaceAll(COLLECTOR_IN_BUILD, kind.api);
  return Buffer.from(kind.script ? page.replace(OWN_SCRIPT, kind.script) : page);
}

/** The docs host's proxy, as api/web/docs/starlight.md asks for it: an unreachable collector is an empty 202. */
function passOn(message, response, upstream) {
  const path = message.url.slice(SAME_ORIGIN_PATH.length);
  const passed = request(`${upstream}${path}`, { method: message.method }, (answer) => {
    response.writeHead(answer.statusCode >= 502 ? 202 : answer.statusCode).end();
    answer.resume();
  });
  passed.on('error', () => response.writeHead(202).end());
  message.pipe(passed);
}

/** Counts what arrives, answers as the collector does. */
async function startCollector() {
  const received = [];
  const server = await listen((message, response) => {
    const chunks = [];
    message.on('data', (chunk) => chunks.push(chunk));
    message.on('end', () => {
      received.push({ method: message.method, path: message.url, at: Date.now(), body: Buffer.concat(chunks).toString('utf-8') });
      response.writeHead(message.method === 'OPTIONS' ? 204 : 202, {
        'Access-Control-Allow-Origin': '*', 'Access-Control-Allow-Headers': 'Content-Type', 'Cross-Origin-Resource-Policy': 'cross-origin',
      });
      response.end();
    });
  });
  return { server, received, address: addressOf(server) };
}

function listen(handler) {
  const server = createServer(handler);
  return new Promise((resolve) => { server.listen(0, '127.0.0.1', () => resolve(server)); });
}

function addressOf(server) {
  return `http://127.0.0.1:${server.address().port}`;
}

/** A port on which nobody listens. */
async function freePort() {
  const server = await listen(() => {});
  const { port } = server.address();
  await new Promise((resolve) => { server.close(resolve); });
  return port;
}
