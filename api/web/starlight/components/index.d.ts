type Component<Props> = (props: Props & { children?: unknown }) => unknown;

/** What is clicked in it counts as the goal; `value` in the smallest unit of the currency. */
export const Goal: Component<{ name: string; value?: number; currency?: string }>;
/** "Was this page helpful?"; the Starlight plugin places it itself. */
export const Helpful: Component<Record<string, never>>;
/** A step of a tutorial, the first is 1. */
export const Step: Component<{ sequence: string; step: number; of: number }>;
/** One variant of an experiment of the option `experiments`. */
export const Variant: Component<{ experiment: string; name: string; as?: 'div' | 'span' | 'section' | 'li' }>;
/** The tag, for pages that are not Starlight's. */
export const WarroomTag: Component<Record<string, never>>;
