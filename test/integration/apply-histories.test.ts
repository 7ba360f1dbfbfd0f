import { env } from 'node:process';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyBlock } from '../../src/apply/apply-block.js';
import type { TargetTable } from '../../src/apply/target-table.js';
import { loadTables, numbered, openSubscriber, type Subscriber } from './apply-fixture.js';
import {
  afterChange,
  byLastState,
  type Cells,
  eventOf,
  type ModelChange,
  type ModelTable,
  ofPresentRows,
  rowByRow,
} from './apply-model.js';

/** One for each table is applied at a time. More for a long run: PGCASCADE_TEST_HISTORIES=100000. */
const HISTORIES = Number(env['PGCASCADE_TEST_HISTORIES'] ?? 10_000);

const TABLES: readonly ModelTable[] = [
  {
    name: 'plain',
    definition: '(id integer primary key, v text unique)',
    columns: ['id', 'v'],
    key: ['id'],
    unique: [['id'], ['v']],
    values: { id: ['1', '2', '3', '4'], v: ['a', 'b', 'c', null] },
  },
  {
    name: 'two_part_key',
    definition: '(a integer, b text collate "POSIX", v text, primary key (b, a))',
    columns: ['a', 'b', 'v'],
    key: ['b', 'a'],
    unique: [['b', 'a']],
    values: { a: ['1', '11'], b: ['1', ',', '"'], v: ['x', 'y'] },
  },
  {
    name: 'numeric_key',
    definition: '(k numeric primary key, v text)',
    columns: ['k', 'v'],
    key: ['k'],
    unique: [['k']],
    numeric: ['k'],
    values: { k: ['1', '1.0', '2', '2.00', '3'], v: ['x', 'y'] },
  },
  {
    name: 'key_without_index',
    definition: '(id integer, v text)',
    columns: ['id', 'v'],
    key: ['id'],
    unique: [],
    values: { id: ['1', '2'], v: ['x', 'y'] },
  },
  {
    name: 'no_key',
    definition: '(n integer, v json)',
    columns: ['n', 'v'],
    key: [],
    unique: [],
    values: { n: ['1', '2', null], v: ['{"a": 1}', '{"a":1}', null] },
  },
  {
    name: 'more_columns',
    definition: "(extra text default 'd', id bigint primary key, v varchar(5))",
    columns: ['id', 'v'],
    key: ['id'],
    unique: [['id']],
    values: { id: ['9007199254740993', '2', '3'], v: ['x', ''] },
    defaults: { extra: 'd' },
  },
  {
    name: 'identity_key',
    definition: '(id integer generated always as identity primary key, v text)',
    columns: ['id', 'v'],
    key: ['id'],
    unique: [['id']],
    values: { id: ['1', '2', '3'], v: ['x', 'y', null] },
  },
  {
    name: 'awkward_values',
    definition: '(id text primary key, v varchar(20), list text[], doc json, raw bytea, flag boolean)',
    columns: ['id', 'v', 'list', 'doc', 'raw', 'flag'],
    key: ['id'],
    unique: [['id']],
    values: {
      id: ['tab\t', '\\N', '"', 'a\\b', '\u0007\u001f'],
      v: ['', '\\.', 'line\nbreak\r', 'null', null, '\u{1f600}', '\\u0041'],
      list: ['{}', '{"a,b",NULL,"\\"\\\\"}', '{{1},{2}}', null],
      doc: ['{"a": "\\u00e4\\n"}', '"text"', '[1,  2]', 'null', null],
      raw: ['\\x5c0a09', '\\x', null],
      flag: ['true', 'false', null],
    },
  },
];

interface History {
  readonly table: ModelTable;
  readonly before: readonly Cells[];
  readonly changes: readonly ModelChange[];
}

/** A history of one table: most changes are such that a source can have made them, some are not. */
function histories(table: ModelTable): fc.Arbitrary<History> {
  const row = fc.record(
    Object.fromEntries(
      table.columns.map((column) => [column, fc.constantFrom(...(table.values[column] ?? []))]),
    ),
  ) as fc.Arbitrary<Cells>;
  const draft = fc.record({
    operation: fc.constantFrom('INSERT', 'UPDATE', 'DELETE', 'UPDATE', 'DELETE', 'TRUNCATE'),
    row,
    pick: fc.nat(9),
    isFree: fc.integer({ min: 0, max: 29 }).map((n) => n === 0),
  });
  return fc
    .record({ start: fc.array(row, { maxLength: 3 }), drafts: fc.array(draft, { maxLength: 10 }) })
    .map(({ start, drafts }) => {
      let rows: Cells[] = [];
      for (const first of start) {
        rows = afterChange(table, rows, { operation: 'INSERT', row: first, oldRow: first }) ?? rows;
      }
      // Unlike a column's default, so that a row that was written anew can be told from one that was updated.
      const old = Object.fromEntries(Object.keys(table.defaults ?? {}).map((column) => [column, 'old']));
      rows = rows.map((known) => ({ ...known, ...old }));
      const before = rows;
      const changes: ModelChange[] = [];
      for (const { operation, row: drawn, pick, isFree } of drafts) {
        const known = rows[pick % Math.max(rows.length, 1)];
        let change = { operation, row: drawn, oldRow: drawn } as ModelChange;
        if (!isFree) {
          // Truncates are rare, and what is changed is there.
          const likely = operation === 'TRUNCATE' && pick > 2 ? 'INSERT' : change.operation;
          change = { ...change, operation: known === undefined && likely !== 'TRUNCATE' ? 'INSERT' : likely };
          if (known !== undefined && change.operation !== 'INSERT') change = asOf(table, change, known);
          const after = afterChange(table, rows, change);
          if (after === undefined) continue;
          rows = after;
        } else {
          rows = afterChange(table, rows, change) ?? rows;
        }
        changes.push(change);
      }
      return { table, before, changes };
    });
}

/** The change as one of a row that is there. */
function asOf(table: ModelTable, change: ModelChange, known: Cells): ModelChange {
  const oldRow = Object.fromEntries(table.columns.map((column) => [column, known[column] ?? null]));
  // A numeric key keeps its value, not its text.
  const kept = Object.fromEntries(
    table.key
      .filter(
        (column) =>
          !(table.numeric?.includes(column) && Number(change.row[column]) === Number(oldRow[column])),
      )
      .map((column) => [column, oldRow[column] ?? null]),
  );
  return { ...change, oldRow, row: { ...change.row, ...kept } };
}

let subscriber: Subscriber;
let targets: Map<string, TargetTable>;

beforeAll(async () => {
  subscriber = await openSubscriber(18);
  for (const { name, definition } of TABLES)
    await subscriber.query(`create table public.${name} ${definition}`);
  targets = await loadTables(
    subscriber.session,
    numbered(TABLES.map(({ name }) => ({ type: '', extra1: `public.${name}` }))),
  );
});
afterAll(async () => {
  await subscriber[Symbol.asyncDispose]();
});

interface ApplyOptions {
  readonly isBulk: boolean;
  readonly ignoresMissing?: boolean;
}

/** Applies the histories as one block and returns rows and conflicts by table; nothing stays. */
async function applied(
  all: readonly History[],
  { isBulk, ignoresMissing = false }: ApplyOptions,
): Promise<Record<string, unknown>> {
  const { session } = subscriber;
  const events: ReturnType<typeof eventOf>[] = [];
  const longest = Math.max(...all.map(({ changes }) => changes.length));
  // The tables' events alternate.
  for (let i = 0; i < longest; i++) {
    for (const { table, changes } of all) {
      const change = changes[i];
      if (change !== undefined) events.push(eventOf(table, change));
    }
  }
  await session.execute('begin');
  try {
    for (const { table, before } of all) {
      for (const row of before) {
        const names = Object.keys(row);
        await session.execute(
          `insert into public.${table.name} (${names.join(', ')}) overriding system value values (${names.map((_, i) => `$${i + 1}`).join(', ')})`,
          names.map((name) => row[name]),
        );
      }
    }
    const block = numbered(events);
    const bulk = isBulk ? { bulkRows: 1 } : {};
    const ports = { tx: session, tableOf: (name: string) => targets.get(name), ...bulk };
    const outcome = await applyBlock({ ...ports, ignoresMissing: () => ignoresMissing }, block);
    const result: Record<string, unknown> = {};
    for (const { table } of all) {
      const texts = [...table.columns, ...Object.keys(table.defaults ?? {})];
      const rows = await session.query<{ row: string }>(
        `select json_build_array(${texts.map((column) => `${column}::text`).join(', ')})::text as row from public.${table.name}`,
      );
      const conflict = outcome.conflicts.find(({ queueTable }) => queueTable === `public.${table.name}`);
      const own = block.filter(({ extra1 }) => extra1 === `public.${table.name}`);
      const failedAt = conflict && own.findIndex(({ id }) => id === conflict.eventId);
      result[table.name] = {
        rows: rows.map(({ row }) => JSON.stringify(JSON.parse(row))).toSorted(),
        failedAt,
        leftOut: outcome.leftOut.find(({ queueTable }) => queueTable === `public.${table.name}`)?.count ?? 0,
      };
    }
    return result;
  } finally {
    await session.execute('rollback');
  }
}

/** The results that are right. */
function expected(history: History): unknown[] {
  const { table, before, changes } = history;
  const inOrder = rowByRow(table, before, changes);
  const right = [resultOf(table, inOrder)];
  if (inOrder.failedAt !== undefined) {
    // What stands in the way of the order may be gone at the end of the block: then the source's rows are right, too.
    const rows = byLastState(table, before, changes);
    if (rows !== undefined) right.push(resultOf(table, { rows, failedAt: undefined, leftOut: [] }));
  }
  return right;
}

/** The results that are right where changes of missing rows are left out. */
function expectedWithoutMissing(history: History): unknown[] {
  const { table, before, changes } = history;
  const inOrder = rowByRow(table, before, changes, { ignoresMissing: true });
  const right = [resultOf(table, inOrder)];
  if (inOrder.failedAt !== undefined) {
    // As above; the changes that are left out are the same.
    const present = ofPresentRows(table, before, changes);
    const isMissing = (change: ModelChange, i: number) =>
      i >= lastTruncate(changes) && !present.includes(change);
    const leftOut = changes.filter(isMissing);
    for (const own of [present, changes]) {
      const rows = byLastState(table, before, own);
      if (rows === undefined) continue;
      right.push(resultOf(table, { rows, failedAt: undefined, leftOut: own === changes ? [] : leftOut }));
    }
  }
  return right;
}

function lastTruncate(changes: readonly ModelChange[]): number {
  return changes.findLastIndex(({ operation }) => operation === 'TRUNCATE');
}

function resultOf(table: ModelTable, { rows, failedAt, leftOut }: ReturnType<typeof rowByRow>): unknown {
  const texts = [...table.columns, ...Object.keys(table.defaults ?? {})];
  return {
    rows: rows.map((row) => JSON.stringify(texts.map((column) => row[column] ?? null))).toSorted(),
    failedAt,
    leftOut: leftOut.length,
  };
}

test('random histories end in the rows of the source, or in a conflict at the first change that cannot be done', async () => {
  await fc.assert(
    fc.asyncProperty(fc.tuple(...TABLES.map(histories)), fc.boolean(), async (all, isBulk) => {
      const results = await applied(all, { isBulk });
      for (const history of all) expect(expected(history)).toContainEqual(results[history.table.name]);
    }),
    { numRuns: Math.ceil(HISTORIES / TABLES.length) },
  );
});

test('random histories over a node where rows are missing end as one after the other without the changes of missing rows', async () => {
  let missing = 0;
  const withMissingRows = (table: ModelTable) =>
    fc
      .record({ history: histories(table), stays: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }) })
      .map(({ history, stays }) => ({ ...history, before: history.before.filter((_, i) => stays[i]) }));
  await fc.assert(
    fc.asyncProperty(fc.tuple(...TABLES.map(withMissingRows)), fc.boolean(), async (all, isBulk) => {
      const results = await applied(all, { isBulk, ignoresMissing: true });
      for (const history of all) {
        const result = results[history.table.name] as { leftOut: number };
        expect(expectedWithoutMissing(history)).toContainEqual(result);
        missing += result.leftOut;
      }
    }),
    { numRuns: Math.ceil(HISTORIES / 5 / TABLES.length) },
  );
  expect(missing).toBeGreaterThan(HISTORIES / 25);
});
