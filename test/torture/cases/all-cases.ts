import type { TortureCase } from '../torture-case.js';
import { KEY_CASES } from './keys.js';
import { SESSION_CASES } from './sessions.js';
import { STATEMENT_CASES } from './statements.js';
import { STRUCTURE_CASES } from './structure.js';
import { TYPE_CASES } from './types.js';

export const CASES: readonly TortureCase[] = [
  ...TYPE_CASES,
  ...SESSION_CASES,
  ...KEY_CASES,
  ...STATEMENT_CASES,
  ...STRUCTURE_CASES,
];
