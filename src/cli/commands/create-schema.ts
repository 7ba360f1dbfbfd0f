import type { Connection } from '../../db/connection.js';
import type { ExitCode } from '../../errors/catalogue.js';
import { ReplicateError } from '../../errors/replicate-error.js';
import {
  type CreatedObject,
  createObjects,
  foreseeProblems,
  SCRIPT_SETTINGS,
} from '../../schema/create-objects.js';
import { canonicalView, planObjects } from '../../schema/plan-objects.js';
import { readSchema } from '../../schema/read-schema.js';
import { allStatements } from '../../schema/statements.js';
import { readTarget } from '../../schema/target.js';
import type { CommandContext, CommandSpec } from '../command.js';
import { withLocalNode, withProvider } from '../local-node.js';
import { keepsAll, OWNER_OPTION } from '../owner-option.js';
import { scriptComment } from '../script-comment.js';

/** `replicate INI create-schema` */
export const command: CommandSpec = {
  name: 'create-schema',
  summary: "Make all objects of the provider's database that are missing in this one; rows are not copied.",
  options: [{ flags: '--dry-run', summary: 'Print the SQL, and change nothing.' }, OWNER_OPTION],
  async run(context, _args, options) {
    return withLocalNode(context, 'create-schema', async (local, node) => {
      if (node.nodeType === 'root') {
        throw new ReplicateError(
          'PC303',
          `create-schema makes what the provider has; node "${node.nodeName}" is the root and has none.`,
        );
      }
      return withProvider(context, node, 'create-schema', (provider) =>
        createSchema(context, local, provider, {
          dryRun: options['dryRun'] === true,
          keepsAll: keepsAll(options),
        }),
      );
    });
  },
};

async function createSchema(
  context: CommandContext,
  local: Connection,
  provider: Connection,
  { dryRun, keepsAll }: { readonly dryRun: boolean; readonly keepsAll: boolean },
): Promise<ExitCode> {
  const { output, signal } = context;
  const source = await readSchema(provider);
  const target = await readTarget(local, { keepsAll });
  const planned = await planObjects(source, await readSchema(local), target, {
    canonicalView: (definition) => canonicalView(local, definition),
  });
  if (dryRun) {
    const foreseen = foreseeProblems(planned, source.needs);
    for (const line of [SCRIPT_SETTINGS, ...foreseen.flatMap(scriptLines)]) output.print(line);
    return foreseen.some(({ problem }) => problem !== undefined) ? 2 : 0;
  }
  const created = await createObjects(local, planned, { needs: source.needs, signal });
  for (const one of created) for (const line of resultLines(one)) output.print(line);
  const failed = created.filter(({ problem }) => problem !== undefined).length;
  const made = planned.filter(({ state }) => state === 'missing').length;
  const equal = planned.filter(({ state }) => state === 'equal' || state === 'alike').length;
  const failedHere = created.filter(
    ({ planned: { state }, problem }) => state === 'missing' && problem !== undefined,
  );
  output.print(
    `${made - failedHere.length} made, ${equal} there already, ${failed} not made; ${planned.length} in all`,
  );
  return failed === 0 ? 0 : 2;
}

function scriptLines({ planned: { object, made, state }, problem }: CreatedObject): string[] {
  if (problem !== undefined) return [scriptComment(`${object.key}: not made, ${problem}`)];
  if (state !== 'missing') return [];
  return [
    scriptComment(object.key),
    ...made.notes.map(scriptComment),
    ...allStatements(made).map((sql) => `${sql};`),
  ];
}

/** What an operator should know of one object; nothing of one that is as it is to be. */
function resultLines({ planned, problem }: CreatedObject): string[] {
  const { object, made, state } = planned;
  if (problem !== undefined) return [`${object.key}: not made, ${problem}`];
  if (state === 'alike')
    return [`${object.key}: there already; its text differs as two versions write the same`];
  if (state !== 'missing') return [];
  return made.notes.map((note) => `${object.key}: ${note}`);
}
