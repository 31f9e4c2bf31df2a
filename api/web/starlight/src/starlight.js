// The Starlight plugin: the tag in Starlight's own head, and the question above the pagination.
import { makeIntegration, makePlan } from './integration.js';
import { readOptions } from './options.js';
import { readScriptFiles } from './script_files.js';
import { TRANSLATIONS } from './texts.js';

const PAGINATION = 'warroom-starlight/components/Pagination.astro'; // a name that the site resolves

export function makeStarlightPlugin(given) {
  const options = readOptions(given);
  return {
    name: 'warroom-starlight',
    hooks: {
      'i18n:setup': ({ injectTranslations }) => injectTranslations(TRANSLATIONS),
      'config:setup': ({ config, updateConfig, addIntegration, astroConfig, command, logger }) => {
        const files = options.src ? new Map() : readScriptFiles(options);
        const plan = makePlan(options, files, astroConfig, command);
        addIntegration(makeIntegration(given, { insertsTag: false }));
        if (!plan.isOn) return;
        const components = options.helpful ? { components: withQuestion(config.components, logger) } : {};
        updateConfig({ head: [...(config.head ?? []), ...plan.entries], ...components });
      },
    },
  };
}

/** A site that has its own pagination keeps it. */
function withQuestion(components = {}, logger) {
  if (!components.Pagination) return { ...components, Pagination: PAGINATION };
  logger.warn('Your own Pagination is kept: put <Helpful /> of warroom-starlight/components above it.');
  return components;
}
