import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { serverAccount, temporaryRoot } from '../../src/demo/server-account.js';
import { waitUntilSeen } from '../support/wait-until.js';

const DEMO = fileURLToPath(new URL('../../dist/cli/demo.js', import.meta.url));

interface DemoRun {
  readonly folder: string;
  readonly text: () => string;
  readonly ended: Promise<number | null>;
  interrupt(): void;
}

/** Starts the demo with a temporary folder of its own, so that what it leaves behind can be seen. */
function startDemo(): DemoRun {
  const folder = mkdtempSync(join(temporaryRoot(serverAccount()), 'pgcascade-demo-test-'));
  chmodSync(folder, 0o711);
  const demo = spawn(process.execPath, [DEMO], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    demo.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });
  let text = '';
  demo.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return {
    folder,
    text: () => text,
    ended: once(demo, 'close').then(([exitCode]) => exitCode as number | null),
    interrupt: () => void demo.kill('SIGINT'),
  };
}

test('the demo moves the shop, every step holds and its folders are gone', async () => {
  const demo = startDemo();
  expect(await demo.ended, demo.text()).toBe(0);
  expect(demo.text()).toContain('Every step held');
  expect(readdirSync(demo.folder)).toEqual([]);
});

test('an interrupted demo ends with exit code 1 and leaves no folder behind', async () => {
  const demo = startDemo();
  await waitUntilSeen('the demo has started its programs', demo.text, (seen) => seen.includes('create-leaf'));
  demo.interrupt();
  expect(await demo.ended).toBe(1);
  expect(demo.text()).toContain('Stopped.');
  expect(readdirSync(demo.folder)).toEqual([]);
});
