import { type InjectPorts, last } from './inject-ports.js';
import { runCommand } from './run-command.js';
import type { Fault } from './schedule.js';

const REPEAT_PAUSE_MS = 500;

/** Makes the branch the root, or the root of the beginning the root again. One that leaves no open root is repeated, as it says. */
export async function takeOver(
  ports: InjectPorts,
  { killAfterMs }: Extract<Fault, { kind: 'takeover' }>,
): Promise<void> {
  const { tree } = ports;
  const old = await tree.openRoot();
  const node = old === 'root' ? 'branch' : 'root';
  const words = ['takeover', old];
  ports.rolesChange();
  let exitCode = await runCommand(ports, {
    node,
    words,
    ...(killAfterMs === undefined ? {} : { killAfterMs }),
  });
  while (exitCode !== 0 && !(await hasOpenRoot(ports)) && !ports.signal.aborted) {
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
