import { torture } from './torture.js';

torture(12, 17, 'all cases', { isExtra: true });
