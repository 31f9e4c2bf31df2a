// The script and the widget as files of the docs site itself: a collector that is down makes no dead address in a page.
// They lie in one folder whose name holds a hash of their content, so that hosts may keep them for ever and the files
// find each other by name.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

const REPOSITORY = new URL('../../static/', import.meta.url);
const PACKED = new URL('../script-files/', import.meta.url); // in the npm package, away from the repository
const FILE = /^(warroom(-[a-z]+)?\.js|widget\.(js|css))$/;
const CORE = { full: 'warroom.js', lite: 'warroom-lite.js' };
const EXTRAS = 'warroom-extras.js';
export const TYPES = { js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8' };

/** Name → content of the files that a site needs; the scripts under the name the options give them. */
export function readScriptFiles({ script, extras, name }) {
  const folder = sourceFolder();
  const core = CORE[script];
  const others = [...Object.values(CORE), ...(extras ? [] : [EXTRAS])].filter((file) => file !== core);
  const given = { [core]: name, [EXTRAS]: extrasName(name) };
  const names = readdirSync(folder).filter((file) => FILE.test(file) && !others.includes(file));
  if (!names.includes(core)) throw new Error(`warroom-starlight: ${core} is missing in ${folder.pathname}.`);
  return new Map(names.sort().map((file) => [given[file] ?? file, readFileSync(new URL(file, folder))]));
}

export function extrasName(name) {
  return name.replace(/\.js$/, '-extras.js');
}

export function sourceFolder() {
  return existsSync(new URL(CORE.full, REPOSITORY)) ? REPOSITORY : PACKED;
}

/** Names of all files that belong into the npm package. */
export function packedNames() {
  return readdirSync(REPOSITORY).filter((file) => FILE.test(file));
}

/** `_astro/w.1a2b3c4d`: beside the site's own hashed files, which hosts keep for ever already. */
export function scriptFolder(files, assets) {
  const hash = createHash('sha256');
  for (const [name, content] of files) hash.update(`${name}\0${content.length}\0`).update(content);
  return `${assets}/w.${hash.digest('hex').slice(0, 8)}`;
}

/** Writes the files into the built site. */
export function writeScriptFiles(files, folder, built) {
  const target = new URL(`${folder}/`, built);
  mkdirSync(target, { recursive: true });
  for (const [name, content] of files) writeFileSync(new URL(name, target), content);
}

/** Serves the files in `astro dev`. */
export function serveScriptFiles(files, address) {
  return (request, response, next) => {
    const path = new URL(request.url, 'http://localhost').pathname;
    const name = path.startsWith(`${address}/`) ? path.slice(address.length + 1) : null;
    if (name === null || !files.has(name)) return next();
    response.setHeader('Content-Type', TYPES[name.split('.').pop()]);
    response.end(files.get(name));
    return undefined;
  };
}
