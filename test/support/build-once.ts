import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serverAccount, temporaryRoot } from '../../src/demo/server-account.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Vitest's global set-up: compiles the programs once, and makes the folder in which each server version is initialised once
 * for all test files. Returns the tear-down.
 *
 * A build that fails fails only the tests that run the programs. PGCASCADE_TEST_BUILD=no takes dist/ as it is.
 */
export default function buildOnce(): () => void {
  if (process.env['PGCASCADE_TEST_BUILD'] !== 'no') process.env['PGCASCADE_TEST_BUILD_FAILURE'] = build();
  const templates = mkdtempSync(join(temporaryRoot(serverAccount()), 'pgcascade-templates-'));
  chmodSync(templates, 0o711);
  process.env['PGCASCADE_TEST_TEMPLATES'] = templates;
  for (const kind of ['stock', 'bare']) {
    const folder = join(templates, kind);
    mkdirSync(folder, { mode: 0o711 });
    process.env[`PGCASCADE_TEST_${kind.toUpperCase()}_TEMPLATES`] = folder;
  }
  return () => rmSync(templates, { recursive: true, force: true });
}

/** The compiler's messages; empty when there are none. */
function build(): string {
  const compiler = join(
    dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
    'bin',
    'tsc',
  );
  const options = [compiler, '-p', 'tsconfig.build.json'];
  const result = spawnSync(process.execPath, options, { cwd: ROOT, encoding: 'utf8' });
  return result.status === 0 ? '' : `${result.stdout}${result.stderr}`;
}
