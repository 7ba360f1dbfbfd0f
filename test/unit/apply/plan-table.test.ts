import { describe, expect, test } from 'vitest';
import { planTable } from '../../../src/apply/plan-table.js';
import { TableChanges } from '../../../src/apply/table-changes.js';
import { writerOf } from '../../../src/apply/table-writer.js';
import type { TargetColumn, TargetTable } from '../../../src/apply/target-table.js';
import { parseRowEventType, type RowEventType } from '../../../src/queue/decode/row-event-type.js';
import { eventId } from '../../../src/queue/ids.js';

function column(name: string, fields: Partial<TargetColumn> = {}): TargetColumn {
  return {
    name,
    typeSql: '"pg_catalog"."int4"',
    storedTypeSql: 'integer',
    isJson: false,
    collateSql: '',
    equalsSql: 'operator("pg_catalog".=)',
    hasExactText: true,
    isGenerated: false,
    identity: 'none',
    isNotNull: false,
    list: undefined,
    ...fields,
  };
}

function table(fields: Partial<TargetTable> = {}): TargetTable {
  return {
    queueTable: 'public.t',
    destTable: 'public.t',
    nameSql: '"public"."t"',
    oid: 1n,
    relkind: 'r',
    columns: [column('id'), column('v')],
    uniqueKeys: [['id']],
    canCopy: true,
    ...fields,
  };
}

type Draft = readonly ['INSERT' | 'UPDATE' | 'DELETE' | 'TRUNCATE', object, object?];

function plan(target: TargetTable, key: readonly string[], drafts: readonly Draft[]) {
  const changes = new TableChanges(writerOf(target));
  for (const [i, [op, row, oldRow]] of drafts.entries()) {
    const type = JSON.stringify({ op, table: ['public', 't'], pkey: key });
    changes.add(
      {
        id: eventId(BigInt(i + 1)),
        txid: 1n,
        type,
        data: JSON.stringify(row),
        extra1: 'public.t',
        extra2: oldRow === undefined ? null : JSON.stringify(oldRow),
        extra3: null,
        extra4: null,
      },
      parseRowEventType(type) as RowEventType,
    );
  }
  return planTable(changes);
}

/** The set-based steps: first word, rows expected, parameters. */
function steps(target: TargetTable, key: readonly string[], drafts: readonly Draft[]): string[] | undefined {
  const planned = plan(target, key, drafts);
  if (planned.kind === 'conflict') throw new Error(planned.conflict.message);
  return planned.steps?.map(
    ({ text, expected, input }) =>
      `${text.match(/^(with|\w+)/)?.[0]} ${expected} ${input.kind === 'json' ? input.values.join(' ') : ''}`,
  );
}

const insert = (id: number, v = 0): Draft => ['INSERT', { id, v }];
const update = (id: number, v = 0): Draft => ['UPDATE', { id, v }];
const remove = (id: number): Draft => ['DELETE', { id }];

describe('with a key', () => {
  test('many changes cost one delete, one update and one insert', () => {
    expect(
      steps(
        table(),
        ['id'],
        [insert(1), remove(2), update(3, 1), update(1, 5), insert(4), remove(5), update(3, 2), update(6, 1)],
      ),
    ).toEqual([
      'delete 2 [{"id":2},{"id":5}]',
      'update 2 [{"id":3,"v":2},{"id":6,"v":1}]',
      'insert 2 [{"id":1,"v":5},{"id":4,"v":0}]',
    ]);
  });

  test('a key that came and went must not have been there before', () => {
    expect(steps(table(), ['id'], [insert(1), remove(1)])).toEqual(['select 0 [{"id":1}]']);
  });

  test('a row that is replaced is updated when the events hold all columns, else written anew', () => {
    expect(steps(table(), ['id'], [remove(1), insert(1, 7)])).toEqual(['update 1 [{"id":1,"v":7}]']);
    const wider = table({ columns: [column('id'), column('v'), column('more')] });
    expect(steps(wider, ['id'], [remove(1), insert(1, 7)])).toEqual([
      'delete 1 [{"id":1,"v":7}]',
      'insert 1 [{"id":1,"v":7}]',
    ]);
  });

  test('an impossible order of changes has no set-based way', () => {
    expect(steps(table(), ['id'], [insert(1), insert(1), remove(1)])).toBeUndefined();
    expect(steps(table(), ['id'], [remove(1), update(1)])).toBeUndefined();
  });

  test('keys whose texts differ while they are equal are changed in order, like changes together', () => {
    const numeric = table({ columns: [column('id', { hasExactText: false }), column('v')] });
    expect(
      steps(numeric, ['id'], [update(1, 1), update(2, 1), update(1, 2), insert(3), insert(4), remove(3)]),
    ).toEqual([
      'update 2 [{"id":1,"v":1},{"id":2,"v":1}]',
      'update 1 [{"id":1,"v":2}]',
      'insert 2 [{"id":3,"v":0},{"id":4,"v":0}]',
      'delete 1 [{"id":3}]',
    ]);
  });

  test('without a unique index on the subscriber each update and delete stands alone', () => {
    const loose = table({ uniqueKeys: [['v']] });
    expect(steps(loose, ['id'], [update(1), update(2), insert(3), insert(4)])).toHaveLength(3);
  });

  test('a change of the columns cuts the block', () => {
    const wider = table({ columns: [column('id'), column('v'), column('more')] });
    expect(
      steps(
        wider,
        ['id'],
        [update(1, 1), remove(9), ['UPDATE', { id: 1, v: 2, more: 3 }], ['UPDATE', { more: 4, id: 1, v: 2 }]],
      ),
    ).toEqual(['delete 1 [{"id":9}]', 'update 1 [{"id":1,"v":1}]', 'update 1 [{"more":4,"id":1,"v":2}]']);
  });

  test('a TRUNCATE drops what came before it, even what could not have been written', () => {
    expect(
      steps(table(), ['id'], [insert(1), ['INSERT', { unknown: 1 }], ['TRUNCATE', {}], insert(2)]),
    ).toEqual(['truncate any ', 'insert 1 [{"id":2,"v":0}]']);
  });

  test('the events of a key are told apart by the whole key', () => {
    const two = table({ uniqueKeys: [['id', 'v']] });
    expect(
      steps(
        two,
        ['id', 'v'],
        [
          ['INSERT', { id: 1, v: 11 }],
          ['INSERT', { id: 11, v: 1 }],
          ['DELETE', { id: 1, v: 11 }],
        ],
      ),
    ).toEqual(['select 0 [{"id":1,"v":11}]', 'insert 1 [{"id":11,"v":1}]']);
  });

  test('one by one, every change is a statement of its own', () => {
    const planned = plan(table(), ['id'], [['TRUNCATE', {}], insert(1), insert(2), update(1), remove(2)]);
    if (planned.kind === 'conflict') throw new Error(planned.conflict.message);
    expect(planned.stepsInOrder().map(({ changes }) => changes.map(({ event }) => event.id))).toEqual([
      [1n],
      [2n],
      [3n],
      [4n],
      [5n],
    ]);
  });
});

describe('without a key', () => {
  test('many changes cost one delete and one insert', () => {
    expect(
      steps(
        table(),
        [],
        [
          ['UPDATE', { id: 1, v: 2 }, { id: 1, v: 1 }],
          ['UPDATE', { id: 1, v: 3 }, { id: 1, v: 2 }],
          ['DELETE', { id: 5, v: 5 }],
          ['DELETE', { id: 5, v: 5 }],
          ['INSERT', { id: 6, v: 6 }],
        ],
      ),
    ).toEqual([
      'with 3 [{"id":1,"v":1},{"id":5,"v":5},{"id":5,"v":5}]',
      'insert 2 [{"id":1,"v":3},{"id":6,"v":6}]',
    ]);
  });

  test('an update stands alone where the subscriber has columns that the events do not have', () => {
    const wider = table({ columns: [column('id'), column('v'), column('more')] });
    expect(
      steps(
        wider,
        [],
        [
          ['UPDATE', { id: 1, v: 2 }, { id: 1, v: 1 }],
          ['DELETE', { id: 5, v: 5 }],
          ['DELETE', { id: 6, v: 5 }],
        ],
      ),
    ).toEqual(['with 1 [{"id":1,"v":1}] [{"id":1,"v":2}]', 'with 2 [{"id":5,"v":5},{"id":6,"v":5}]']);
  });
});
