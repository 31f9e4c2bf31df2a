// The Astro integration: hands the options to components and endpoints, copies the script files, adds the endpoints.
import { EXPERIMENT_SNIPPET_HASH, KEEP_VARIANTS, experimentStyles } from './experiments.js';
import { readOptions } from './options.js';
import { extrasName, readScriptFiles, scriptFolder, serveScriptFiles, writeScriptFiles } from './script_files.js';
import { headEntries, headHtml } from './tag.js';

const MODULE = 'virtual:warroom';
const STYLES = 'virtual:warroom/experiments.css';
const here = (path) => new URL(path, import.meta.url);

/** `insertsTag`: every HTML page gets the tag; a Starlight site has it from the plugin instead. */
export function makeIntegration(given, { insertsTag }) {
  const options = readOptions(given);
  const files = options.src ? new Map() : readScriptFiles(options);
  let plan = null;
  return {
    name: 'warroom-starlight',
    hooks: {
      'astro:config:setup': (setup) => {
        plan = makePlan(options, files, setup.config, setup.command);
        setup.updateConfig({ vite: viteSettings(options, plan), ...policySettings(options, setup.config, plan.isOn) });
        if (!plan.isOn) return;
        if (insertsTag) setup.addMiddleware({ order: 'post', entrypoint: here('./insert_tag.js') });
        if (options.forward) addEndpoints(options, setup);
        if (Object.keys(options.experiments).length) setup.injectScript('page', KEEP_VARIANTS);
      },
      'astro:config:done': ({ config, logger }) => plan.isOn && checkServer(options, config, logger),
      'astro:server:setup': ({ server }) => {
        if (plan.isOn) server.middlewares.use(serveScriptFiles(files, plan.address));
      },
      'astro:build:generated': ({ dir, logger }) => {
        if (!plan.isOn) return;
        writeScriptFiles(files, plan.folder, dir);
        if (Object.keys(options.experiments).length) logger.info(`script-src of the variants: ${EXPERIMENT_SNIPPET_HASH}`);
      },
    },
  };
}

/** Where everything will be in the built site. */
export function makePlan(options, files, config, command) {
  const base = config.base.replace(/\/$/, '');
  const folder = scriptFolder(files, config.build.assets);
  const address = `${base}/${folder}`;
  const api = options.forward ? `${base}${options.forward.path}` : options.collector;
  return {
    folder,
    address,
    feedbackAction: `${api}/feedback`,
    entries: headEntries(options, options.src ?? `${address}/${options.name}`, extrasAddress(options, address), api),
    isOn: options.enabled && (command !== 'dev' || options.dev),
  };
}

function extrasAddress({ extras, name }, address) {
  return extras === true ? `${address}/${extrasName(name)}` : extras;
}

function viteSettings(options, plan) {
  const values = {
    site: options.site,
    head: headHtml(plan.entries),
    feedbackAction: plan.feedbackAction,
    experiments: options.experiments,
    isOn: plan.isOn,
    forward: options.forward ? { collector: options.collector, ...options.forward } : null,
  };
  const modules = {
    [MODULE]: Object.entries(values).map(([name, value]) => `export const ${name} = ${JSON.stringify(value)};`).join('\n'),
    [STYLES]: experimentStyles(options.experiments),
  };
  return {
    plugins: [virtualModules(modules)],
    resolve: { dedupe: ['@astrojs/starlight'] }, // our components stand outside of the site when the package is linked
  };
}

function virtualModules(modules) {
  return {
    name: 'warroom-starlight',
    resolveId: (id) => (id in modules ? `\0${id}` : undefined),
    load: (id) => (id.startsWith('\0') ? modules[id.slice(1)] : undefined),
  };
}

/** With `security.csp` Astro writes the policy; it must know the inline script that it did not make. */
function policySettings(options, config, isOn) {
  if (!config.security?.csp || !isOn || !Object.keys(options.experiments).length) return {};
  const hashes = [EXPERIMENT_SNIPPET_HASH.slice(1, -1)];
  const defaults = config.security.csp === true ? { algorithm: 'SHA-256' } : {}; // what `true` stands for
  return { security: { csp: { ...defaults, scriptDirective: { hashes } } } };
}

function addEndpoints(options, { injectRoute }) {
  const endpoints = { track: 'track', feedback: 'feedback' };
  if (options.prompts) Object.assign(endpoints, { 'prompts/next': 'question', 'prompts/[id]/dismiss': 'dismissal' });
  for (const [path, name] of Object.entries(endpoints))
    injectRoute({ pattern: `${options.forward.path}/${path}`, entrypoint: here(`./endpoints/${name}.js`), prerender: false });
}

function checkServer(options, config, logger) {
  if (!options.forward) return;
  if (!config.adapter)
    throw new Error('warroom-starlight: "forward" needs a server adapter, for example @astrojs/node; leave it out on a static site.');
  if (config.trailingSlash === 'always')
    throw new Error('warroom-starlight: "forward" needs trailingSlash "ignore" or "never": with "always" Astro redirects what pages send, and browsers lose it.');
  if (config.adapter.name === '@astrojs/node' && config.security.checkOrigin && !config.security.allowedDomains?.length)
    logger.warn('Set security.allowedDomains to the host names of this site: without it Astro refuses what its pages send.');
}
