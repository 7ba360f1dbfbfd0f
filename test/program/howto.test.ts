import { expect, test } from 'vitest';
import { awkwardTables } from '../support/awkward-tables.js';
import { freshDatabase } from '../support/cluster.js';
import { findDifferences } from '../support/differences.js';
import { openHowto, PIDFILES, type Sections } from '../support/howto.js';
import { waitUntilSeen } from '../support/wait-until.js';

const RUNS: readonly { from: number; to: number; sections: Sections }[] = [
  { from: 10, to: 18, sections: { ticker: 'pgqd', worker: 'londiste3' } },
  { from: 13, to: 18, sections: { ticker: 'ticker', worker: 'replicate' } },
  { from: 18, to: 18, sections: { ticker: 'pgqd', worker: 'londiste' } },
  { from: 18, to: 10, sections: { ticker: 'ticker', worker: 'replicate' } },
];

for (const { from, to, sections } of RUNS) {
  test(`the howto moves awkward tables from PostgreSQL ${from} to ${to}`, async () => {
    const tables = awkwardTables(Math.min(from, to));
    await using old = await freshDatabase(from, 'old');
    await using fresh = await freshDatabase(to, 'new');
    await using howto = await openHowto();
    await howto.writeFiles(old, fresh, sections);
    await old.query(tables.schema);
    await old.query(tables.rows);
    await fresh.query(tables.schema);

    await howto.type('ticker', '-d', 'ticker.ini');
    await howto.type('replicate', 'master.ini', 'create-root', 'master', old.conninfo);
    await howto.type('replicate', '-d', 'master.ini', 'worker');
    await howto.type(
      'replicate',
      'slave.ini',
      'create-leaf',
      'slave',
      fresh.conninfo,
      `--provider=${old.conninfo}`,
    );
    await howto.type('replicate', 'slave.ini', 'worker', '-d');
    const pids = PIDFILES.map((pidfile) => howto.daemons.add(pidfile));
    for (const ini of ['master.ini', 'slave.ini']) {
      await howto.type('replicate', ini, 'add-table', '--all');
      await howto.type('replicate', ini, 'add-seq', '--all');
    }
    await howto.type('replicate', 'slave.ini', 'wait-sync');
    expect(await howto.type('replicate', 'slave.ini', 'status')).toMatch(/master[\s\S]*slave/);
    expect(await howto.type('replicate', 'slave.ini', 'missing')).toContain('Nothing is missing');
    await howto.type('replicate', 'slave.ini', 'compare');

    for (const statement of tables.load) await old.query(statement);
    await howto.type('replicate', 'slave.ini', 'wait-root');
    await howto.type('replicate', 'slave.ini', 'compare');
    await using left = await old.connect();
    await using right = await fresh.connect();
    expect(await findDifferences(left, right)).toEqual([]);
    for (const sequence of ['public.counter', '"Odd Schema"."Counter"']) {
      const [seen] = await old.query<{ value: bigint }>(`select last_value as value from ${sequence}`);
      await waitUntilSeen(
        `${sequence} on the leaf is not behind`,
        async () =>
          (await fresh.query<{ value: bigint }>(`select last_value as value from ${sequence}`))[0]?.value ??
          0n,
        (value) => value >= (seen?.value ?? 0n),
      );
    }
    await expect(fresh.query("insert into serial_key (t) values ('not from the root')")).rejects.toThrow();

    await howto.type('replicate', 'slave.ini', '-s', 'worker');
    await howto.type('replicate', '-s', 'master.ini', 'worker');
    await howto.type('ticker', 'ticker.ini', '-s');
    for (const processId of pids) expect(await howto.daemons.hasEnded(processId, 10_000)).toBe(true);
  });
}
