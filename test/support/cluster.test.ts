import { expect, test } from 'vitest';
import { freshDatabase, startCluster } from './cluster.js';

for (const major of [10, 13, 18]) {
  test(`PostgreSQL ${major} starts and has an empty database`, async () => {
    await using database = await freshDatabase(major);
    const [row] = await database.query<{ version: string }>(
      "select current_setting('server_version') as version",
    );
    expect(row?.version).toMatch(new RegExp(`^${major}\\.`));
  });
}

test('a killed server comes back on its port with its data', async () => {
  await using cluster = await startCluster(15);
  const { port } = cluster;
  await cluster.query('postgres', 'create table kept as select 1 as a');
  await cluster.kill();
  await expect(cluster.connect('postgres')).rejects.toThrow();
  await cluster.restart();
  expect(cluster.port).toBe(port);
  expect(await cluster.query('postgres', 'select a from kept')).toEqual([{ a: 1 }]);
});
