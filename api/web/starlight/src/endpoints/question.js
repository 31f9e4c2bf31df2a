import { WARROOM, readerOf } from './request.js';
import { passOnQuestion } from '../forward.js';

export const prerender = false;
export const GET = (context) => passOnQuestion(context.request, readerOf(context), WARROOM());
