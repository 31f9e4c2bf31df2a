// What the endpoints know of Astro: the secrets of the running server, and who is asking.
import { getSecret } from 'astro:env/server';
import { forward } from 'virtual:warroom';

/** Where to pass on to, with which key, and the limits; the environment of the running server outranks the build. */
export const WARROOM = () => ({
  ...forward,
  collector: (getSecret('WARROOM_URL') || forward.collector).replace(/\/+$/, ''),
  key: getSecret('WARROOM_KEY'),
});

/** The address that the adapter names; some name none. */
export function readerOf(context) {
  try {
    return { address: context.clientAddress, url: context.url };
  } catch {
    return { address: null, url: context.url };
  }
}
