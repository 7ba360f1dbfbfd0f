import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const SQL = fileURLToPath(new URL('../../../sql', import.meta.url));

test('every file that is installed is ASCII, so that a database of any encoding takes it', () => {
  const files = readdirSync(SQL, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.sql'),
  );
  expect(files.length).toBeGreaterThan(100);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that are meant.
  const others = files.filter((name) => /[^\x00-\x7f]/.test(readFileSync(join(SQL, name), 'utf8')));
  expect(others).toEqual([]);
});
