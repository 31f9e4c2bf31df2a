import { WARROOM, readerOf } from './request.js';
import { passOnDismissal } from '../forward.js';

export const prerender = false;
export const POST = (context) => passOnDismissal(context.request, readerOf(context), WARROOM(), context.params.id);
