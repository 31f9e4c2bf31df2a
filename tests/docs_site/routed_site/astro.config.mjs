// A site whose pages are exchanged in the browser by Astro's router.
import { defineConfig } from 'astro/config';
import warroom from 'warroom-starlight';

export default defineConfig({
  outDir: '../build/routed',
  cacheDir: '../build/cache-routed',
  integrations: [
    warroom({
      site: 'docs',
      collector: 'https://feedback.example.com',
      experiments: { lead: ['short', 'long'] },
      attributes: { 'data-allow-automation': true, 'data-track': '/track' },
    }),
  ],
});
