import type { AstroIntegration } from 'astro';

/** Values of a tag's attribute; `true` writes it without a value, `false` leaves it out. */
export type AttributeValue = string | boolean;

export interface ForwardOptions {
  /** Where the endpoints are: `<path>/track` and `<path>/feedback`. Default: `/api`. */
  path?: `/${string}`;
  /** How long the collector may take, in milliseconds. Default: 3000. */
  timeoutMs?: number;
  /** The largest body that is passed on, in bytes. Default: 65536. */
  bodyLimitBytes?: number;
}

export interface WarroomOptions {
  /** The key of the site, as `[[sites]]` of Warroom's configuration names it. */
  site: string;
  /**
   * The address of Warroom without a path, for example `https://feedback.example.com`. With `forward` the environment
   * variable `WARROOM_URL` of the running server outranks it.
   */
  collector: string;
  /**
   * Adds `/api/track` and `/api/feedback` to a site with a server adapter. They pass requests on to the collector with
   * the API key in the environment variable `WARROOM_KEY` (scope `events:forward`). Default: false.
   */
  forward?: boolean | ForwardOptions;
  /** `lite` leaves out vitals, errors and click positions. Default: `full`. */
  script?: 'full' | 'lite';
  /**
   * The second file: code copies, downloads, site search, and the widget that answers in place. Default: true. With `src`
   * it is the address of that file, or left out.
   */
  extras?: boolean | string;
  /** The file name of the script in the built site. Default: `warroom.js`. */
  name?: `${string}.js`;
  /** The address of a script that is hosted elsewhere; nothing is copied into the site then. */
  src?: string;
  /** The `integrity` of `src`. */
  integrity?: string;
  /** Further attributes of the tag; Warroom's documentation of the script lists them. */
  attributes?: Record<`data-${string}`, AttributeValue>;
  /** The page may ask its question after `warroomWidget.consent(true)`; widget.md of the documentation says how. Default: false. */
  prompts?: boolean;
  /** Starlight: "was this page helpful?" above the pagination. Default: true. */
  helpful?: boolean;
  /** Experiments and their variants, the usual one first: `{ 'start-button': ['start', 'try-it'] }`. */
  experiments?: Record<string, readonly [string, string, ...string[]]>;
  /** Where a reader's variants are kept. Without it they are drawn anew for each page: nothing is stored. */
  keepVariants?: 'sessionStorage' | 'localStorage';
  /** `false` builds the site without anything of Warroom, for previews. Default: true. */
  enabled?: boolean;
  /** Also in `astro dev`. Default: false, so that writing the docs does not count as reading them. */
  dev?: boolean;
}

/** The Astro integration: every page gets the tag. */
export default function warroom(options: WarroomOptions): AstroIntegration;

/** The Starlight plugin: the tag on every Starlight page, and the question above the pagination. */
export function starlightPlugin(options: WarroomOptions): {
  name: string;
  hooks: Record<string, (...parameters: never[]) => void | Promise<void>>;
};

/** The inline script that chooses variants before the first paint; it is in the page only when there are experiments. */
export const EXPERIMENT_SNIPPET: string;
/** Its source for a Content-Security-Policy: `'sha256-…'`, the same for every site and every experiment. */
export const EXPERIMENT_SNIPPET_HASH: string;
