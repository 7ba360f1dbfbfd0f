import { type InjectPorts, last } from './inject-ports.js';
import { runCommand } from './run-command.js';
import type { Fault } from './schedule.js';

const REPEAT_PAUSE_MS = 500;
/** It is refused while a table is copied, and gives up when a server is away. */
const TRIES = 4;

/** Makes the branch the root, or the root of the beginning the root again. What comes to nothing is repeated some times, and as long as there is no open root. */
export async function takeOver(
  ports: InjectPorts,
  { killAfterMs }: Extract<Fault, { kind: 'takeover' }>,
): Promise<void> {
  const { tree } = ports;
  const old = await tree.openRoot();
  const node = old === 'root' ? 'branch' : 'root';
  const words = ['takeover', old];
  ports.rolesChange();
  const once = killAfterMs === undefined ? {} : { killAfterMs };
  let exitCode = await runCommand(ports, { node, words, ...once });
  for (let tried = 1; exitCode !== 0 && !ports.signal.aborted; tried++) {
    if (tried >= TRIES && (await hasOpenRoot(ports))) return;
    await last(ports, REPEAT_PAUSE_MS);
    exitCode = await runCommand(ports, { node, words });
  }
}

function hasOpenRoot({ tree }: InjectPorts): Promise<boolean> {
  return tree.openRoot().then(
    () => true,
    () => false,
  );
}
