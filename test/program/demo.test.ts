import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { serverAccount, temporaryRoot } from '../../src/demo/server-account.js';
import { waitUntilSeen } from '../support/wait-until.js';

const DEMO = fileURLToPath(new URL('../../dist/cli/demo.js', import.meta.url));

test('an interrupted demo ends soon, with exit code 1, and leaves no folder behind', async () => {
  const before = leftovers();
  const demo = spawn(process.execPath, [DEMO], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  demo.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const ended = once(demo, 'close');
  await waitUntilSeen(
    'the demo has started its programs',
    () => text,
    (seen) => seen.includes('worker'),
  );
  demo.kill('SIGINT');
  const [exitCode] = (await ended) as [number | null];
  expect(exitCode).toBe(1);
  expect(text).toContain('Stopped.');
  await waitUntilSeen('its folders are removed', leftovers, (seen) =>
    seen.every((name) => before.includes(name)),
  );
});

function leftovers(): string[] {
  return readdirSync(temporaryRoot(serverAccount())).filter((name) =>
    /^pgcascade-(demo|pg13|pg18)-/.test(name),
  );
}
