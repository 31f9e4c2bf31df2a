// What the package's own modules import from the site's options; made by src/integration.js.
declare module 'virtual:warroom' {
  export const site: string;
  /** The tag and the inline script as HTML. */
  export const head: string;
  /** Where forms without scripts are sent. */
  export const feedbackAction: string;
  export const experiments: Record<string, readonly string[]>;
  export const isOn: boolean;
  export const forward: { collector: string; timeoutMs: number; bodyLimitBytes: number } | null;
}
