import type { CommandSpec } from './command.js';

type CommandModule = { readonly command: CommandSpec };

/** The verbs of `replicate`, in the order in which --help lists them; each is loaded only when it is needed. */
const MODULES: Readonly<Record<string, () => Promise<CommandModule>>> = {
  install: () => import('./commands/install.js'),
  'create-root': () => import('./commands/create-root.js'),
  'create-branch': () => import('./commands/create-branch.js'),
  'create-leaf': () => import('./commands/create-leaf.js'),
  worker: () => import('./commands/worker.js'),
  pause: () => import('./commands/pause.js'),
  resume: () => import('./commands/resume.js'),
  status: () => import('./commands/status.js'),
  'node-status': () => import('./commands/node-status.js'),
  'node-info': () => import('./commands/node-info.js'),
  budget: () => import('./commands/budget.js'),
  'capture-format': () => import('./commands/capture-format.js'),
  members: () => import('./commands/members.js'),
  'change-provider': () => import('./commands/change-provider.js'),
  takeover: () => import('./commands/takeover.js'),
  resurrect: () => import('./commands/resurrect.js'),
  'rename-node': () => import('./commands/rename-node.js'),
  'drop-node': () => import('./commands/drop-node.js'),
  'tag-dead': () => import('./commands/tag-dead.js'),
  'tag-alive': () => import('./commands/tag-alive.js'),
  'create-schema': () => import('./commands/create-schema.js'),
  missing: () => import('./commands/missing.js'),
  tables: () => import('./commands/tables.js'),
  seqs: () => import('./commands/seqs.js'),
  'add-table': () => import('./commands/add-table.js'),
  'change-handler': () => import('./commands/change-handler.js'),
  'change-table': () => import('./commands/change-table.js'),
  'show-handlers': () => import('./commands/show-handlers.js'),
  'remove-table': () => import('./commands/remove-table.js'),
  'add-seq': () => import('./commands/add-seq.js'),
  'remove-seq': () => import('./commands/remove-seq.js'),
  resync: () => import('./commands/resync.js'),
  'restore-triggers': () => import('./commands/restore-triggers.js'),
  execute: () => import('./commands/execute.js'),
  'wait-sync': () => import('./commands/wait-sync.js'),
  'wait-root': () => import('./commands/wait-root.js'),
  'wait-provider': () => import('./commands/wait-provider.js'),
  compare: () => import('./commands/compare.js'),
  repair: () => import('./commands/repair.js'),
  check: () => import('./commands/check.js'),
  fkeys: () => import('./commands/fkeys.js'),
};

export const VERBS: readonly string[] = Object.keys(MODULES);

/** Loads one command, and with it only what that command needs. `verb` is one of VERBS. */
export async function loadCommand(verb: string): Promise<CommandSpec> {
  const load = MODULES[verb];
  if (load === undefined) throw new Error(`No command is called ${verb}`);
  return (await load()).command;
}

export async function loadCommands(): Promise<CommandSpec[]> {
  return Promise.all(VERBS.map(loadCommand));
}
