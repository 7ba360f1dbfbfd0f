import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readIni } from '../../../src/config/ini-lines.js';
import type { KeyDeclaration } from '../../../src/config/key.js';
import { type ConfigSchema, loadConfig } from '../../../src/config/load-config.js';
import { REPLICATE_SCHEMA } from '../../../src/config/replicate-config.js';
import { sampleIni } from '../../../src/config/sample-ini.js';
import { TICKER_SCHEMA } from '../../../src/config/ticker-config.js';

const BASE = { directory: '/start', home: '/home/ann' };
const EXAMPLES = fileURLToPath(new URL('../../../conf-examples/', import.meta.url));
const SCHEMAS: Readonly<Record<string, ConfigSchema<readonly KeyDeclaration[]>>> = {
  ticker: TICKER_SCHEMA,
  replicate: REPLICATE_SCHEMA,
};

for (const [program, schema] of Object.entries(SCHEMAS)) {
  test(`the sample of ${program} loads as it is and with every comment taken off`, () => {
    const path = join(mkdtempSync(join(tmpdir(), 'sample-')), 'sample.ini');
    const sample = sampleIni(schema);
    for (const text of [sample, sample.replaceAll(/^#(?=\w+ =)/gm, '')]) {
      writeFileSync(path, text);
      expect(() => loadConfig(schema, { path, overrides: [], base: BASE })).not.toThrow();
    }
  });

  test(`the sample of ${program} shows every key once`, () => {
    const entries = readIni(sampleIni(schema).replaceAll(/^#(?=\w+ =)/gm, ''), 'sample').get(
      schema.sections[0] ?? '',
    );
    expect([...(entries?.keys() ?? [])]).toEqual(schema.keys.map((key) => key.name));
  });

  test(`no key of ${program} is declared twice or both used and ignored`, () => {
    const names = [
      ...schema.keys.flatMap((key) => [key.name, ...(key.aliases ?? [])]),
      ...schema.ignoredKeys,
    ];
    expect(new Set(names).size).toBe(names.length);
  });
}

const examples = readdirSync(EXAMPLES).filter((file) => file.endsWith('.ini'));

test.each(examples)('conf-examples/%s loads', (file) => {
  const schema: ConfigSchema<readonly KeyDeclaration[]> = file.startsWith('ticker')
    ? TICKER_SCHEMA
    : REPLICATE_SCHEMA;
  const { ignoredKeys } = loadConfig(schema, { path: join(EXAMPLES, file), overrides: [], base: BASE });
  expect(ignoredKeys).toEqual([]);
});

test('there are examples for the ticker, a root, a branch and a leaf', () => {
  expect(examples).toEqual(expect.arrayContaining(['ticker.ini', 'root.ini', 'branch.ini', 'leaf.ini']));
});
