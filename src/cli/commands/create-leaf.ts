import { createSubscriberCommand } from '../create-subscriber-command.js';

export const command = createSubscriberCommand(
  'leaf',
  'Make the database a leaf of the queue: a replica that feeds no other node.',
);
