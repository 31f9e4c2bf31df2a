// One site, built three ways: as it is, without Warroom (WARROOM=off), and with a server that passes requests on
// (WARROOM=forward). tests/docs_site/README.md says who uses which.
import node from '@astrojs/node';
import starlight from '@astrojs/starlight';
import { defineConfig, passthroughImageService } from 'astro/config';
import { starlightPlugin } from 'warroom-starlight';

const mode = process.env.WARROOM ?? 'on';
const forwards = mode === 'forward';

export default defineConfig({
  site: 'https://lantern.example',
  outDir: `./build/${mode}`,
  cacheDir: `./build/cache-${mode}`,
  ...(forwards ? { adapter: node({ mode: 'standalone' }) } : {}),
  security: { allowedDomains: [{ hostname: '127.0.0.1' }, { hostname: 'localhost' }] },
  image: { service: passthroughImageService() },
  integrations: [
    starlight({
      title: 'Lantern',
      description: 'How to use Lantern, a queue for small teams.',
      favicon: '/favicon.svg',
      plugins: [
        starlightPlugin({
          site: 'docs',
          collector: 'http://127.0.0.1:9', // the runner and the tests put the real one in its place
          forward: forwards,
          prompts: forwards,
          enabled: mode !== 'off',
          attributes: { 'data-allow-automation': true, 'data-search': '#starlight__search input, input[type=search]' },
          experiments: { 'start-button': ['start', 'try-it'] },
        }),
      ],
      sidebar: [
        { label: 'Start here', items: ['start/overview', 'start/install', 'start/concepts', 'start/downloads'] },
        { label: 'Tutorial', items: [{ autogenerate: { directory: 'tutorial' } }] },
        { label: 'Guides', items: [{ autogenerate: { directory: 'guides' } }] },
        { label: 'Reference', items: [{ autogenerate: { directory: 'reference' } }] },
      ],
    }),
  ],
});
