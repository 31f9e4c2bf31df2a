import { WARROOM, readerOf } from './request.js';
import { passOnEvents } from '../forward.js';

export const prerender = false;
export const POST = (context) => passOnEvents(context.request, readerOf(context), WARROOM());
