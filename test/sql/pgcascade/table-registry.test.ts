import { expect, test } from 'vitest';
import type { Connection } from '../../../src/db/connection.js';
import { TableRegistry } from '../../../src/worker/table-registry.js';
import { readWorkerState } from '../../../src/worker/worker-state.js';
import { installedDatabase } from '../../support/installed-database.js';
import { seededRandom } from '../../support/random.js';

const TABLES = Array.from({ length: 6 }, (_, i) => `public.t${i}`);

const NODE = `
  select pgq_node.register_location('q', n, 'dbname=' || n, false) from unnest('{root,leaf}'::text[]) as n;
  select pgq_node.create_node('q', 'leaf', 'leaf', 'worker', 'root', 1, null);
  ${TABLES.map((table) => `create table ${table} (id int primary key); select londiste.global_add_table('q', '${table}');`).join('\n')}`;

function renameInQueue(from: string, to: string): string {
  return `update londiste.table_info set table_name = '${to}', dest_table = '${from}' where table_name = '${from}'
             and not exists (select from londiste.table_info where table_name = '${to}')`;
}

/** What can happen to a table's registration, whatever its state is. */
const CHANGES: readonly ((table: string) => string)[] = [
  (table) => `select londiste.local_add_table('q', '${table}', '{no_triggers,no_merge,expect_sync}')`,
  (table) => `select londiste.local_remove_table('q', '${table}')`,
  (table) => `select londiste.global_remove_table('q', '${table}')`,
  (table) => `select londiste.global_add_table('q', '${table}')`,
  (table) => `select londiste.local_set_table_state('q', '${table}', null, 'in-copy')`,
  (table) => `select londiste.local_set_table_attrs('q', '${table}', 'skip_truncate=1')`,
  (table) => `select pgcascade.park_table('q', '${table}', 1, 1, 'PC401', 'a row is missing')`,
  (table) => `select pgcascade.clear_table_state('q', '${table}')`,
  (table) => `insert into pgcascade.conflict_policy values ('q', '${table}', 'stop') on conflict do nothing`,
  (table) => `delete from pgcascade.conflict_policy where table_name = '${table}'`,
  (table) => renameInQueue(table, `${table}_`),
  (table) => renameInQueue(`${table}_`, table),
  () => `savepoint s; ${CHANGES[1]?.(TABLES[0] as string)}; rollback to s`,
];

async function refreshed(registry: TableRegistry, session: Connection): Promise<boolean> {
  const { registryVersion } = await readWorkerState(session, 'q', 'worker');
  return registry.refresh(session, registryVersion);
}

function tablesOf(registry: TableRegistry): unknown[] {
  return [...registry.tables].toSorted((a, b) => (a.tableName < b.tableName ? -1 : 1));
}

test.each([10, 18])(
  'a worker that reads only what has changed knows what one knows that reads everything, on %i',
  async (major) => {
    await using database = await installedDatabase(major, 'registry');
    await using session = await database.connect();
    await using worker = await database.connect();
    await session.execute(NODE);
    const seed = Math.floor(Math.random() * 1e6);
    const random = seededRandom(seed);
    const of = <T>(values: readonly T[]) => values[Math.floor(random() * values.length)] as T;
    const registry = new TableRegistry('q', {});
    await refreshed(registry, worker);
    for (let round = 0; round < 120; round++) {
      const changes = Array.from({ length: 1 + Math.floor(random() * 4) }, () => of(CHANGES)(of(TABLES)));
      await session.execute('begin');
      for (const change of changes) await session.execute(change);
      await session.execute(random() < 0.2 ? 'rollback' : 'commit');
      if (random() < 0.3) continue;
      await refreshed(registry, worker);
      const whole = new TableRegistry('q', {});
      await refreshed(whole, worker);
      expect(tablesOf(registry), `seed ${seed}, round ${round}: ${changes.join('; ')}`).toEqual(
        tablesOf(whole),
      );
    }
    // Nothing is read when nothing has changed.
    await refreshed(registry, worker);
    expect(await refreshed(registry, worker)).toBe(false);
  },
);

test('a transaction that changes several tables makes one version, and tells the worker once', async () => {
  await using database = await installedDatabase(18, 'registry');
  await using session = await database.connect();
  await using worker = await database.connect();
  await session.execute(NODE);
  const told: string[] = [];
  await worker.listen('pgcascade_tables', ({ payload }) => told.push(payload));
  const version = async () => (await readWorkerState(worker, 'q', 'worker')).registryVersion;
  const before = await version();
  await session.execute(
    `begin; ${TABLES.map((table) => `select londiste.local_add_table('q', '${table}', '{no_triggers,no_merge}')`).join(';')}; commit`,
  );
  expect(await version()).toBe(before + 1n);
  const changed = await worker.query('select table_name from pgcascade.table_changes($1, $2)', ['q', before]);
  expect(changed.length).toBe(TABLES.length);
  await worker.query('select');
  expect(told).toEqual(['q']);
});
