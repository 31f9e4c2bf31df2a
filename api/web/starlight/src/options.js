// Checks the options once, names everything that is wrong, and fills in what is missing.

const KNOWN = new Set([
  'site', 'collector', 'forward', 'script', 'extras', 'name', 'src', 'integrity', 'attributes', 'prompts', 'helpful',
  'experiments', 'keepVariants', 'enabled', 'dev',
]);
const FORWARD_DEFAULTS = { path: '/api', timeoutMs: 3000, bodyLimitBytes: 65_536 };
const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;
const STORES = ['sessionStorage', 'localStorage'];

/** The options with every default; throws an error that names all problems. */
export function readOptions(given) {
  const options = given ?? {};
  const problems = [
    ...unknownNames(options), ...problemsOfAddresses(options), ...problemsOfChoices(options),
    ...problemsOfForward(options.forward), ...problemsOfExperiments(options.experiments ?? {}),
  ];
  if (problems.length) throw new Error(`warroom-starlight: ${problems.join('; ')}.`);
  return {
    site: options.site,
    collector: new URL(options.collector).origin,
    forward: options.forward ? { ...FORWARD_DEFAULTS, ...(options.forward === true ? {} : options.forward) } : null,
    script: options.script ?? 'full',
    extras: options.extras ?? !options.src,
    name: options.name ?? 'warroom.js',
    src: options.src ?? null,
    integrity: options.integrity ?? null,
    attributes: options.attributes ?? {},
    prompts: options.prompts ?? false,
    helpful: options.helpful ?? true,
    experiments: options.experiments ?? {},
    keepVariants: options.keepVariants ?? null,
    enabled: options.enabled ?? true,
    dev: options.dev ?? false,
  };
}

function unknownNames(options) {
  return Object.keys(options).filter((name) => !KNOWN.has(name)).map((name) => `there is no option "${name}"`);
}

function problemsOfAddresses({ site, collector, src }) {
  const problems = [];
  if (typeof site !== 'string' || !NAME.test(site)) problems.push('"site" is the key of a site, like "docs"');
  if (!isHttpAddress(collector)) problems.push('"collector" is the address of Warroom, like "https://feedback.example.com"');
  if (src !== undefined && (typeof src !== 'string' || !src)) problems.push('"src" is the address of the script');
  return problems;
}

function isHttpAddress(text) {
  return typeof text === 'string' && URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function problemsOfChoices({ script, src, extras, name, keepVariants, attributes }) {
  const problems = [];
  if (src ? extras === true : typeof extras === 'string') problems.push('"extras" is an address when "src" is one, else true or false');
  if (script !== undefined && !['full', 'lite'].includes(script)) problems.push('"script" is "full" or "lite"');
  if (name !== undefined && !/^[\w-]+\.js$/.test(name)) problems.push('"name" is a file name that ends in .js');
  if (keepVariants !== undefined && !STORES.includes(keepVariants)) problems.push(`"keepVariants" is ${STORES.join(' or ')}`);
  for (const attribute of Object.keys(attributes ?? {}))
    if (!/^data-[a-z0-9-]+$/.test(attribute)) problems.push(`"${attribute}" is no attribute data-…`);
  return problems;
}

function problemsOfForward(forward) {
  if (forward === undefined || typeof forward === 'boolean') return [];
  const { path = '/api', timeoutMs = 1, bodyLimitBytes = 1, ...others } = forward;
  const problems = Object.keys(others).map((name) => `there is no option "forward.${name}"`);
  if (!/^(\/[\w-]+)+$/.test(path)) problems.push('"forward.path" is a path like "/api"');
  for (const [name, value] of Object.entries({ timeoutMs, bodyLimitBytes }))
    if (!Number.isInteger(value) || value < 1) problems.push(`"forward.${name}" is a whole number above 0`);
  return problems;
}

function problemsOfExperiments(experiments) {
  const problems = [];
  for (const [name, variants] of Object.entries(experiments)) {
    if (!NAME.test(name)) problems.push(`the experiment "${name}" needs a name of small letters, digits and "-"`);
    if (!Array.isArray(variants) || variants.length < 2 || new Set(variants).size < variants.length)
      problems.push(`the experiment "${name}" needs at least two different variants`);
    else if (!variants.every((variant) => typeof variant === 'string' && NAME.test(variant)))
      problems.push(`the variants of "${name}" need names of small letters, digits and "-"`);
  }
  return problems;
}
