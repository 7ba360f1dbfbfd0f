import { requireProvider } from '../../cascade/find-root.js';
import { type CheckOptions, checkNode } from '../../check/check-node.js';
import { checkExitCode, checkJson, checkLines, checkSummary } from '../../check/report.js';
import type { ExitCode } from '../../errors/catalogue.js';
import { ReplicateError } from '../../errors/replicate-error.js';
import type { CommandContext, CommandSpec } from '../command.js';
import { handlerSettings } from '../handler-settings.js';
import { jsonText } from '../json-text.js';
import { withLocalNode, withProvider } from '../local-node.js';
import { keepsAll, OWNER_OPTION } from '../owner-option.js';

/** `replicate INI check [NAME…]` */
export const command: CommandSpec = {
  name: 'check',
  summary:
    'Tell what is in the way of replication, and in what the tables of this node differ from those of its provider: exit code 0 nothing, 2 something, 3 not checked.',
  arguments: [
    {
      name: 'tables',
      variadic: true,
      summary: 'Names or patterns with * and ?; by default all tables and sequences of the queue.',
    },
  ],
  options: [
    {
      flags: '--except <name>',
      summary: 'Not this table or sequence, or those of this pattern.',
      isRepeatable: true,
    },
    {
      flags: '--all',
      summary:
        'Compare all objects of both databases: also views, functions and tables that are not replicated.',
    },
    {
      flags: OWNER_OPTION.flags,
      summary: 'Whoever owns an object on each side, do not tell of owners.',
    },
    { flags: '--json', summary: 'Print the result as one JSON document.' },
  ],
  async run(context, args, options) {
    return withLocalNode(context, 'check', async (local, node) => {
      const { config } = context;
      if (args.length > 0 && options['all'] === true) {
        throw new ReplicateError('PC100', 'Give names or --all, not both.');
      }
      const check: CheckOptions = {
        queueName: config.queueName,
        names: args,
        except: (options['except'] as readonly string[] | undefined) ?? [],
        everything: options['all'] === true,
        handlers: handlerSettings(config),
        parallelCopies: config.parallelCopies,
        keepsAll: keepsAll(options),
      };
      const isJson = options['json'] === true;
      if (node.nodeType === 'root')
        return print(context, await checkNode({ connection: local, node }, undefined, check), isJson);
      return withProvider(context, node, 'check', async (connection) => {
        const above = await requireProvider(connection, config.queueName);
        return print(
          context,
          await checkNode({ connection: local, node }, { connection, node: above }, check),
          isJson,
        );
      });
    });
  },
};

function print(
  { output }: CommandContext,
  result: Awaited<ReturnType<typeof checkNode>>,
  isJson: boolean,
): ExitCode {
  if (isJson) {
    output.print(jsonText(checkJson(result)));
  } else {
    for (const line of checkLines(result)) output.print(line);
    output.print(checkSummary(result));
  }
  return checkExitCode(result);
}
