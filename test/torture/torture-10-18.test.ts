import { torture } from './torture.js';

torture(10, 18, 'each case');
