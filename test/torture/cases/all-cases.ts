import type { TortureCase } from '../torture-case.js';
import { TYPE_CASES } from './types.js';

export const CASES: readonly TortureCase[] = [...TYPE_CASES];
