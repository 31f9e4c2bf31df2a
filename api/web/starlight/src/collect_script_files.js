// Before `npm pack`: copies the built script files into the package.
import { copyFileSync, mkdirSync } from 'node:fs';
import { packedNames } from './script_files.js';

const target = new URL('../script-files/', import.meta.url);
mkdirSync(target, { recursive: true });
for (const name of packedNames()) copyFileSync(new URL(`../../static/${name}`, import.meta.url), new URL(name, target));
