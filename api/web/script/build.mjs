// Builds the files that docs pages load from src/ into ../static (or the folder given as argument):
// bundled by esbuild, minified by terser, and compressed beforehand. The same sources give the same bytes.
// manifest.json says what was built from what; tests/api/test_script_build.py compares. The first build of a new version
// keeps the files of the one before in ../static/earlier, under their hashes: pages may be pinned to them.
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { minify } from "terser";

const HERE = dirname(fileURLToPath(import.meta.url));
const SOURCES = join(HERE, "src");
const TARGET = "es2021";
const SCRIPTS = [
  { name: "warroom.js", source: "warroom.js", define: { FULL: "true" } },
  { name: "warroom-lite.js", source: "warroom.js", define: { FULL: "false" } },
  { name: "warroom-extras.js", source: "extras.js", define: {} },
  { name: "widget.js", source: "widget.js", define: { STYLES: JSON.stringify(await buildStyle({ source: "widget.css" })) } },
];
const STYLES = [{ name: "widget.css", source: "widget.css" }];

const STATIC = join(HERE, "..", "static");
const EARLIER = join(STATIC, "earlier");
const HASH_CHARACTERS = 10; // as in api/script_files.py

const out = process.argv[2] || STATIC;
const [, version] = /^version = "(.+)"$/m.exec(readFileSync(join(HERE, "..", "..", "..", "pyproject.toml"), "utf8"));
const manifest = { sources: {}, files: {} };
mkdirSync(out, { recursive: true });
if (out === STATIC && readFileSync(join(HERE, "version"), "utf8").trim() !== version) keepEarlier();
for (const name of readdirSync(SOURCES).sort()) manifest.sources[name] = sha256(readFileSync(join(SOURCES, name)));
for (const script of SCRIPTS) lay(script.name, await buildScript(script));
for (const style of STYLES) lay(style.name, await buildStyle(style));
writeFileSync(process.argv[2] ? join(out, "manifest.json") : join(HERE, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
console.table(manifest.files, ["bytes", "gzip", "brotli"]);

// Whatever goes wrong at the top of a file, the page does not hear of it.
async function buildScript({ source, define }) {
  const bundled = await bundle(source, { define, format: "esm", minifySyntax: true });
  const lets = bundled.replace(/^var /gm, "let "); // terser keeps these where they are, which packs better
  const minified = await minify(`try{(()=>{${lets}})()}catch{}`, {
    ecma: 2020, toplevel: true, format: { comments: false }, mangle: { toplevel: true },
    compress: { passes: 4, unsafe: true, unsafe_arrows: true, unsafe_methods: true, pure_getters: true, hoist_props: true, keep_fargs: false },
  });
  return minified.code;
}

async function buildStyle({ source }) {
  return (await bundle(source, { minify: true })).trim();
}

async function bundle(source, options) {
  const result = await build({
    entryPoints: [join(SOURCES, source)], bundle: true, write: false, target: TARGET, charset: "utf8",
    legalComments: "none", ...options,
  });
  return result.outputFiles[0].text;
}

// The file, and beside it what servers send to browsers that take brotli or gzip.
function lay(name, text) {
  const body = Buffer.from(text);
  const brotli = brotliCompressSync(body, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT, [constants.BROTLI_PARAM_SIZE_HINT]: body.length },
  });
  const gzip = gzipSync(body, { level: 9 });
  writeFileSync(join(out, name), body);
  writeFileSync(join(out, `${name}.br`), brotli);
  writeFileSync(join(out, `${name}.gz`), gzip);
  manifest.files[name] = { sha256: sha256(body), bytes: body.length, gzip: gzip.length, brotli: brotli.length, brotli_sha256: sha256(brotli) };
}

// What tags can be pinned to: the scripts that pages name.
function keepEarlier() {
  const { files } = JSON.parse(readFileSync(join(HERE, "manifest.json"), "utf8"));
  mkdirSync(EARLIER, { recursive: true });
  for (const name of Object.keys(files).filter((file) => /^warroom.*\.js$/.test(file)))
    for (const ending of ["", ".br", ".gz"])
      copyFileSync(join(STATIC, name + ending), join(EARLIER, name.replace(".js", `.${files[name].sha256.slice(0, HASH_CHARACTERS)}.js`) + ending));
  writeFileSync(join(HERE, "version"), `${version}\n`);
}

function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}
