import { torture } from './torture.js';

torture(18, 18, 'each case', { isBulk: true });
