import { LATIN1_CASES } from './cases/latin1.js';
import { torture } from './torture.js';

torture(15, 18, 'each case', { all: LATIN1_CASES, rootEncoding: 'LATIN1' });
