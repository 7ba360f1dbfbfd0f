import { expect, test } from 'vitest';
import { applyBlock } from '../../src/apply/apply-block.js';
import { loadTargetTable } from '../../src/apply/load-target-table.js';
import { bindText } from '../../src/handlers/registry.js';
import { SelectedRows } from '../../src/handlers/selected-rows.js';
import { seededRandom } from '../support/random.js';
import { type EventFields, numbered, openSubscriber, rowEvent } from './apply-fixture.js';

/*
 * Random histories of a provider, applied in random blocks to a subscriber that has only some of the rows: after each
 * block it must have exactly the rows of the provider that match.
 */

interface TableKind {
  readonly name: string;
  readonly definition: string;
  readonly key: readonly string[];
  /** Texts of one key that are equal, each list one key. */
  readonly keys: readonly (readonly (string | number)[])[];
}

const KINDS: readonly TableKind[] = [
  {
    name: 'public.by_integer',
    definition: 'id integer primary key, u integer unique, n integer, v text',
    key: ['id'],
    keys: [[1], [2], [3], [4], [5]],
  },
  {
    name: 'public.by_numeric',
    definition: 'id numeric primary key, u integer unique, n integer, v text',
    key: ['id'],
    keys: [['1', '1.0', '1.00'], ['2', '2.0'], ['3'], ['4.50', '4.5']],
  },
  {
    name: 'public.without_index',
    definition: 'id integer, u integer, n integer, v text',
    key: ['id'],
    keys: [[1], [2], [3], [4], [5]],
  },
  {
    name: 'public.by_identity',
    definition: 'id integer generated always as identity primary key, u integer unique, n integer, v text',
    key: ['id'],
    keys: [[1], [2], [3]],
  },
  {
    name: 'public.without_key',
    definition: 'id integer, u integer, n integer, v text',
    key: [],
    keys: [[1], [2], [3], [4]],
  },
];

interface ProviderRow {
  id: string | number;
  u: number;
  n: number;
  v: string;
}

/** A provider's table, and the events of what happens to it. */
class Provider {
  readonly rows = new Map<number, ProviderRow>();
  readonly #kind: TableKind;
  readonly #random: () => number;

  constructor(kind: TableKind, random: () => number) {
    this.#kind = kind;
    this.#random = random;
  }

  step(): EventFields[] {
    const { name, key, keys } = this.#kind;
    const place = this.#pick(keys.length);
    const old = this.rows.get(place);
    const choice = this.#random();
    if (old === undefined) {
      const row = this.#row(place);
      if (row === undefined) return [];
      this.rows.set(place, row);
      return [rowEvent('INSERT', name, key, { ...row })];
    }
    if (choice < 0.25) {
      this.rows.delete(place);
      return [rowEvent('DELETE', name, key, key.length === 0 ? { ...old } : { id: old.id })];
    }
    if (choice < 0.35) return this.#exchange(place);
    const row = this.#row(place);
    if (row === undefined) return [];
    this.rows.set(place, row);
    return [rowEvent('UPDATE', name, key, { ...row }, key.length === 0 ? { ...old } : undefined)];
  }

  /** Two rows exchange their unique values by way of a third. */
  #exchange(place: number): EventFields[] {
    const { name, key } = this.#kind;
    const other = [...this.rows.keys()].find((candidate) => candidate !== place);
    const [one, two] = [this.rows.get(place), this.rows.get(other ?? -1)];
    if (one === undefined || two === undefined || other === undefined) return [];
    const free = 1_000;
    const between = { ...one, u: free };
    const [newOne, newTwo] = [
      { ...one, u: two.u },
      { ...two, u: one.u },
    ];
    this.rows.set(place, newOne).set(other, newTwo);
    const update = (row: ProviderRow, old: ProviderRow) =>
      rowEvent('UPDATE', name, key, { ...row }, key.length === 0 ? { ...old } : undefined);
    return [update(between, one), update(newTwo, two), update(newOne, between)];
  }

  /** Undefined when the unique value is taken. */
  #row(place: number): ProviderRow | undefined {
    const texts = this.#kind.keys[place] as readonly (string | number)[];
    const u = this.#pick(8);
    if ([...this.rows].some(([at, row]) => at !== place && row.u === u)) return undefined;
    return {
      id: texts[this.#pick(texts.length)] as string | number,
      u,
      n: this.#pick(6),
      v: `v${this.#pick(1000)}`,
    };
  }

  #pick(count: number): number {
    return Math.floor(this.#random() * count);
  }
}

const { selection } = bindText('t', { name: 'plain', args: new Map([['where', 'n % 2 = 0']]) }, {});

test.each([10, 18])(
  'a part of a table is exactly the rows that match, whatever happened in a block, on %i',
  async (major) => {
    await using subscriber = await openSubscriber(major);
    const { session } = subscriber;
    for (const kind of KINDS) {
      await session.execute(`create table ${kind.name} (${kind.definition})`);
      const target = await loadTargetTable(session, kind.name, kind.name);
      const rewrite = new SelectedRows(selection, [], target);
      for (let seed = 1; seed <= 8; seed++) {
        const random = seededRandom(seed);
        const provider = new Provider(kind, random);
        await session.execute(`delete from ${kind.name}`);
        for (let block = 0; block < 6; block++) {
          const events = numbered(
            Array.from({ length: 1 + Math.floor(random() * 25) }, () => provider.step()).flat(),
          );
          const outcome = await session.transaction((tx) =>
            applyBlock({ tx, tableOf: () => target, rewriteOf: () => rewrite }, events),
          );
          const where = `${kind.name}, seed ${seed}, block ${block}`;
          expect(outcome.conflicts, where).toEqual([]);
          const expected = [...provider.rows.values()]
            .filter(({ n }) => n % 2 === 0)
            .map(({ id, u, n, v }) => `(${id},${u},${n},${v})`);
          expect(await subscriber.rows(kind.name), where).toEqual(expected.toSorted());
        }
      }
    }
  },
);

test('a row that the provider inserts and that is here already is a conflict, also in a part', async () => {
  await using subscriber = await openSubscriber(18);
  const { session } = subscriber;
  await session.execute(
    'create table public.t (id integer primary key, n integer); insert into public.t values (1, 0)',
  );
  const target = await loadTargetTable(session, 'public.t', 'public.t');
  const rewrite = new SelectedRows(selection, [], target);
  const apply = (...events: EventFields[]) =>
    session.transaction((tx) =>
      applyBlock({ tx, tableOf: () => target, rewriteOf: () => rewrite }, numbered(events)),
    );
  const insert = (n: number) => rowEvent('INSERT', 'public.t', ['id'], { id: 1, n });
  expect((await apply(insert(2))).conflicts).toMatchObject([{ code: 'PC402', key: '1' }]);
  // One that does not match is none of ours.
  expect((await apply(insert(1))).conflicts).toEqual([]);
  expect(await subscriber.rows('public.t')).toEqual(['(1,0)']);
  // What came as SQL cannot be looked at.
  const sql = { type: 'U', data: "n='4' where id='1'", extra1: 'public.t' };
  expect((await apply(sql)).conflicts).toMatchObject([{ code: 'PC403' }]);
});
