import { WARROOM, readerOf } from './request.js';
import { passOnFeedback } from '../forward.js';

export const prerender = false;
export const POST = (context) => passOnFeedback(context.request, readerOf(context), WARROOM());
