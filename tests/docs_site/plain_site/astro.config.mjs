// A site without Starlight, below a path, under a strict policy.
import { defineConfig } from 'astro/config';
import warroom from 'warroom-starlight';

export default defineConfig({
  base: '/docs',
  outDir: '../build/plain',
  cacheDir: '../build/cache-plain',
  security: { csp: true },
  integrations: [
    warroom({
      site: 'docs',
      collector: 'https://feedback.example.com',
      name: 'docs.js',
      attributes: { 'data-language': 'en "UK"' },
      experiments: { lead: ['short', 'long'] },
      keepVariants: 'sessionStorage',
    }),
  ],
});
