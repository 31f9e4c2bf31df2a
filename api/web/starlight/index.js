// The public names; index.d.ts documents the options.
import { makeIntegration } from './src/integration.js';
import { EXPERIMENT_SNIPPET, EXPERIMENT_SNIPPET_HASH } from './src/experiments.js';
import { makeStarlightPlugin } from './src/starlight.js';

/** The Astro integration: every page gets the tag. */
export default function warroom(options) {
  return makeIntegration(options, { insertsTag: true });
}

/** The Starlight plugin: the tag on every Starlight page, and the question above the pagination. */
export function starlightPlugin(options) {
  return makeStarlightPlugin(options);
}

export { EXPERIMENT_SNIPPET, EXPERIMENT_SNIPPET_HASH };
