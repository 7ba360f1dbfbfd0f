import { expect, test } from 'vitest';
import { awkwardTables } from './awkward-tables.js';
import { freshDatabase } from './cluster.js';
import { findDifferences } from './differences.js';

for (const [from, to] of [
  [10, 18],
  [13, 18],
] as const) {
  test(`the same statements on ${from} and ${to} make the same rows, and one changed row is found`, async () => {
    const tables = awkwardTables(Math.min(from, to));
    await using old = await freshDatabase(from);
    await using fresh = await freshDatabase(to);
    for (const database of [old, fresh]) {
      await database.query(tables.schema);
      await database.query(tables.rows);
      for (const statement of tables.load) await database.query(statement);
    }
    await using left = await old.connect();
    await using right = await fresh.connect();
    expect(await findDifferences(left, right)).toEqual([]);
    await fresh.query("update two_part_key set t = 'other' where number = 7");
    expect(await findDifferences(left, right)).toEqual([expect.stringContaining('two_part_key')]);
  });
}
