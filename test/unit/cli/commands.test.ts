import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { loadCommand, VERBS } from '../../../src/cli/commands.js';
import { createOutput } from '../../../src/cli/output.js';
import { verbCommandLine } from '../../../src/cli/replicate-command-line.js';

const FOLDER = fileURLToPath(new URL('../../../src/cli/commands/', import.meta.url));

test('every file of commands/ is a verb, and every verb has its file', () => {
  const files = readdirSync(FOLDER).map((file) => file.replace(/\.ts$/, ''));
  expect(files.toSorted()).toEqual([...VERBS].toSorted());
});

test.each(VERBS)('%s is the command of that name and has a help of its own', async (verb) => {
  const spec = await loadCommand(verb);
  expect(spec.name).toBe(verb);
  expect(spec.summary).toMatch(/^[A-Z].*\.$/);
  const help = verbCommandLine(spec, createOutput(process.stdout)).helpInformation();
  for (const option of spec.options ?? []) expect(help).toContain(option.flags);
});
