import { createSubscriberCommand } from '../create-subscriber-command.js';

export const command = createSubscriberCommand(
  'branch',
  'Make the database a branch of the queue: a replica from which other nodes read.',
);
