import { type Member, MemberSessions } from '../../cascade/member-sessions.js';
import type { Connection } from '../../db/connection.js';
import { ReplicateError } from '../../errors/replicate-error.js';
import { type CaptureFormat, changeCaptureFormat, readCaptureFormat } from '../../replica/capture-format.js';
import type { CommandContext, CommandSpec } from '../command.js';
import { withLocalNode } from '../local-node.js';
import { tableLock } from '../table-lock.js';

/** `replicate INI capture-format [json|urlenc]` */
export const command: CommandSpec = {
  name: 'capture-format',
  summary:
    'Show or set the form in which rows are captured: json, or urlenc for cascades with nodes of the stock Londiste.',
  arguments: [
    {
      name: 'format',
      summary: 'json or urlenc. Set on the root, and on every branch, which may become the root.',
    },
  ],
  async run(context, [text]) {
    return withLocalNode(context, 'capture-format', async (connection, node) => {
      const { queueName } = context.config;
      if (node.nodeType === 'leaf') {
        throw new ReplicateError('PC303', `Node "${node.nodeName}" is a leaf and captures nothing.`);
      }
      if (text === undefined) {
        context.output.print(await readCaptureFormat(connection, queueName));
        return 0;
      }
      await changeEverywhere(context, connection, node.nodeName, readFormat(text));
      return 0;
    });
  },
};

async function changeEverywhere(
  { config: { queueName, lockTimeoutMs }, connect, signal, output }: CommandContext,
  local: Connection,
  localName: string,
  format: CaptureFormat,
): Promise<void> {
  await using members = new MemberSessions({
    queueName,
    localName,
    local,
    connect,
    what: 'capture-format',
    signal,
  });
  const { seen, unreachable } = await members.lookAtAll();
  // The root first: it is the one that captures now.
  const nodes = seen.toSorted((one, other) => rank(one) - rank(other));
  for (const { connection, node } of nodes) {
    if (node.nodeType === 'leaf') continue;
    if (!(await hasOurSql(connection))) {
      output.print(`${node.nodeName}: a node of the stock Londiste, nothing to do.`);
      continue;
    }
    const count = await changeCaptureFormat(
      connection,
      queueName,
      format,
      tableLock(connection, lockTimeoutMs),
    );
    output.print(
      `${node.nodeName}: ${format}, triggers of ${count} ${count === 1 ? 'table' : 'tables'} made anew.`,
    );
  }
  if (unreachable.length === 0) return;
  throw new ReplicateError(
    'PC200',
    `Not reached: ${unreachable.join(', ')}. Say the same again when they answer: a branch that becomes the root would capture in its old format.`,
  );
}

function rank({ node }: Member): number {
  return node.nodeType === 'root' ? 0 : 1;
}

async function hasOurSql(connection: Connection): Promise<boolean> {
  const { found } = await connection.one<{ found: boolean }>(
    "select to_regprocedure('pgcascade.set_capture_format(text, text)') is not null as found",
  );
  return found;
}

function readFormat(text: string): CaptureFormat {
  if (text === 'json' || text === 'urlenc') return text;
  throw new ReplicateError('PC100', `"${text}" is neither json nor urlenc.`);
}
