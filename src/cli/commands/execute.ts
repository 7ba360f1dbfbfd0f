import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Connection } from '../../db/connection.js';
import { ReplicateError } from '../../errors/replicate-error.js';
import { executeScript, type ScriptOutcome, skipScript } from '../../replica/execute-script.js';
import { readScript, type Script } from '../../replica/script.js';
import type { CommandContext, CommandSpec } from '../command.js';
import { openLocal, withLocalNode } from '../local-node.js';

/** `replicate INI execute FILE…` */
export const command: CommandSpec = {
  name: 'execute',
  summary:
    'Run SQL scripts, schema changes above all, on the root and at the same place of the queue on every node.',
  arguments: [
    {
      name: 'files',
      variadic: true,
      summary: 'SQL files. Each is one transaction, known by its name without folder.',
    },
  ],
  options: [
    {
      flags: '--skip',
      summary: 'On a node below the root: the changes were made by hand here, do not run these scripts.',
    },
  ],
  async run(context, args, options) {
    if (args.length === 0) throw new ReplicateError('PC100', 'No file is named.');
    const doubled = args.find(
      (path, at) => args.findIndex((other) => basename(other) === basename(path)) < at,
    );
    if (doubled !== undefined) {
      throw new ReplicateError('PC100', `Two files are named ${basename(doubled)}.`);
    }
    return withLocalNode(context, 'execute', async (connection, node) => {
      const { nodeName, nodeType } = node;
      if (options['skip'] === true) {
        if (nodeType === 'root') {
          throw new ReplicateError(
            'PC303',
            `Node "${nodeName}" is the root: what it does not execute nobody gets.`,
          );
        }
        for (const path of args) await skip(context, connection, path);
        return 0;
      }
      if (nodeType !== 'root') {
        throw new ReplicateError('PC303', `Node "${nodeName}" is a ${nodeType}: scripts begin on the root.`);
      }
      // All are looked through before the first is run.
      const scripts: Script[] = [];
      for (const path of args) scripts.push(readScript(path, await readText(path)));
      for (const script of scripts) {
        const outcome = await executeScript(connection, script, {
          queueName: context.config.queueName,
          lockTimeoutMs: context.config.lockTimeoutMs,
          open: () => openLocal(context, 'locks'),
          signal: context.signal,
        });
        print(context, script, outcome);
      }
      return 0;
    });
  },
};

function print({ output }: CommandContext, { name }: Script, outcome: ScriptOutcome): void {
  switch (outcome.kind) {
    case 'exists':
      output.print(`${name} was executed before`);
      return;
    case 'passed-on':
      output.print(`${name} is handed on; its conditions do not hold on this node`);
      return;
    case 'executed':
      output.print(`executed ${name} (statements: ${outcome.statements})`);
      for (const change of outcome.changes) output.print(`${change.outcome} ${change.objectName}`);
  }
}

/** Only the name counts; the text is kept when the file is at hand. */
async function skip({ config, output }: CommandContext, connection: Connection, path: string): Promise<void> {
  const text = await readText(path).catch((error: unknown) => {
    if (error instanceof ReplicateError && error.code === 'PC408') return '';
    throw error;
  });
  const name = basename(path);
  const outcome = await skipScript(connection, config.queueName, name, text);
  output.print(
    outcome === 'skipped' ? `${name} will not be run here` : `${name} was executed or skipped here before`,
  );
}

async function readText(path: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(path));
  } catch (error) {
    const reason = error instanceof TypeError ? 'it is not UTF-8' : (error as Error).message;
    throw new ReplicateError('PC408', `${path} cannot be read: ${reason}.`, { file: path }, { cause: error });
  }
}
