import type { CommandSpec } from './command.js';

/** The verbs of `replicate`, in the order in which --help lists them. Each is in `commands/<verb>.ts`. */
export const VERBS: readonly string[] = [
  'install',
  'create-root',
  'create-leaf',
  'worker',
  'pause',
  'resume',
  'status',
  'missing',
  'tables',
  'seqs',
  'add-table',
  'remove-table',
  'add-seq',
  'remove-seq',
  'resync',
  'wait-sync',
  'wait-root',
  'wait-provider',
  'compare',
];

/** Loads one command, and with it only what that command needs. */
export async function loadCommand(verb: string): Promise<CommandSpec> {
  const module = (await import(`./commands/${verb}.js`)) as { command: CommandSpec };
  return module.command;
}

export async function loadCommands(): Promise<CommandSpec[]> {
  return Promise.all(VERBS.map(loadCommand));
}
