import { expect, test } from 'vitest';
import type { CheckResult } from '../../../src/check/check-node.js';
import type { Finding, Severity } from '../../../src/check/finding.js';
import { checkExitCode, checkJson, checkLines, checkSummary } from '../../../src/check/report.js';

function finding(severity: Severity, table: string | null, mend?: Finding['mend']): Finding {
  return {
    severity,
    what: 'column',
    difference: 'missing',
    table,
    object: 'column a',
    node: 'leaf',
    message: `something ${severity}`,
    mend,
  };
}

function result(findings: readonly Finding[], unknown: readonly string[] = []): CheckResult {
  return {
    node: 'leaf',
    provider: 'root',
    tables: 1,
    sequences: 2,
    findings,
    notChecked: unknown.map((name) => ({ name, code: 'PC400', reason: 'No such name.' })),
  };
}

test.each([
  [[], [], 0],
  [['hint'], [], 0],
  [['differs'], [], 2],
  [['blocks'], [], 2],
  [[], ['x'], 3],
  [['hint'], ['x'], 3],
  [['differs'], ['x'], 2],
] as const)('findings %j and unknown names %j end with %i', (severities, unknown, code) => {
  expect(
    checkExitCode(
      result(
        severities.map((severity) => finding(severity, 't')),
        unknown,
      ),
    ),
  ).toBe(code);
});

test('the lines name the table once, and each statement with its node; SQL ends with a semicolon', () => {
  const statements = ['ALTER TABLE a', 'CREATE VIEW b AS\nselect 1', 'replicate INI resync t'];
  expect(
    checkLines(
      result(
        [
          finding('blocks', null),
          finding('blocks', 'public.t', { node: 'leaf', statements }),
          finding('hint', 'public.t'),
        ],
        ['x'],
      ),
    ),
  ).toEqual([
    'Database',
    '  BLOCKS   something blocks',
    'public.t',
    '  BLOCKS   something blocks',
    '           on "leaf": ALTER TABLE a;',
    '           on "leaf": CREATE VIEW b AS',
    '             select 1;',
    '           on "leaf": replicate INI resync t',
    '  hint     something hint',
    'x: NOT CHECKED: No such name. (PC400)',
  ]);
});

test('the last line says what was looked at and how it stands, and never that all is well when a name was not checked', () => {
  const what = '1 table and 2 sequences of "leaf" checked against "root"';
  expect(checkSummary(result([]))).toBe(`${what}: nothing blocks and nothing differs`);
  expect(checkSummary(result([finding('hint', 't')]))).toBe(
    `${what}: nothing blocks and nothing differs, 1 hint`,
  );
  expect(checkSummary(result([finding('blocks', 't'), finding('differs', 't')]))).toBe(
    `${what}: 1 block, 1 differ`,
  );
  expect(checkSummary(result([], ['x', 'y']))).toBe(`${what}: 0 block, 0 differ, 2 not checked (x, y)`);
  expect(checkSummary({ ...result([]), provider: null })).toBe(
    '1 table and 2 sequences of "leaf" checked: nothing is in the way',
  );
});

test('the document counts what it holds', () => {
  expect(checkJson(result([finding('blocks', 't'), finding('hint', 't')], ['x']))).toMatchObject({
    node: 'leaf',
    provider: 'root',
    blocks: 1,
    differs: 0,
    hints: 1,
    findings: [{ severity: 'blocks', mend: null }, { severity: 'hint' }],
    notChecked: [{ name: 'x', code: 'PC400' }],
  });
});
