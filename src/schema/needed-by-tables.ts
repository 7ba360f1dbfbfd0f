import type { DatabaseObject } from './database-object.js';

/** What a table can need: it is made with it, and compared with it. */
export const NEEDED_BY_TABLES: ReadonlySet<DatabaseObject['kind']> = new Set<DatabaseObject['kind']>([
  'schema',
  'extension',
  'collation',
  'enum',
  'composite',
  'range',
  'domain',
  'domain constraint',
  'function',
  'procedure',
  'aggregate',
  'sequence',
]);
