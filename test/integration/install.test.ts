import { expect, test } from 'vitest';
import { installSchemas } from '../../src/install/install-schemas.js';
import { freshDatabase } from '../support/cluster.js';

for (const major of [10, 18]) {
  test(`PostgreSQL ${major}: a second install changes nothing`, async () => {
    await using database = await freshDatabase(major, 'install');
    await using session = await database.connect();
    const first = await installSchemas(session);
    expect(first.changed).toContain('pgq');
    expect((await installSchemas(session)).changed).toEqual([]);
  });
}
