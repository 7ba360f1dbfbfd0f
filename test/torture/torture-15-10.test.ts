import { torture } from './torture.js';

torture(15, 10, 'each step', { isBulk: true, isExtra: true });
