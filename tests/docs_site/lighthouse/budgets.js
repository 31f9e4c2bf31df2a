// The limits that the run is judged by, and what each of them is about.

export const PAIRS_FOR_PERFORMANCE = 7; // fewer say nothing about a score that moves by 7 points when other work takes CPU
export const SCRIPT_BYTES = 2100; // brotli, as the docs host serves it
export const OWN_TRANSFER_BYTES = 4200; // script, extras and the first beacon with all headers
export const OWN_FILES = 2; // the script and its extras; the widget is fetched when it is needed
export const OWN_REQUESTS = OWN_FILES + 1;
export const OWN_MS = 40; // main thread at 4 times throttle, on a machine of the reference speed
export const LONGEST_OWN_MS = 16;
export const LONG_TASK_MS = 50;
export const TBT_MS = 10;
export const CLS = 0.0005; // what rounding may do
export const REFERENCE_BENCHMARK = 1400; // Lighthouse's benchmark index of a quiet machine

export const CATEGORIES = ['performance', 'accessibility', 'best-practices', 'seo'];
// One failure with the script and none without is a failure: nothing but the page decides these.
export const HARD_AUDITS = ['errors-in-console', 'deprecations', 'inspector-issues', 'bf-cache', 'forced-reflow-insight'];
