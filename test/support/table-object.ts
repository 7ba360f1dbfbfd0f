import type { TableObject } from '../../src/schema/database-object.js';

/** A plain table `s.t` without columns, and what a test says of it. */
export function tableObject(changes: Partial<TableObject> = {}): TableObject {
  return {
    kind: 'table',
    key: 'table s.t',
    address: 'pg_class:1',
    name: { schema: 's', name: 't' },
    owner: 'me',
    comment: null,
    privileges: [],
    columns: [],
    isUnlogged: false,
    partitionKey: null,
    isPartition: false,
    parents: [],
    ofType: null,
    options: [],
    accessMethod: null,
    tablespace: null,
    rowSecurity: false,
    forceRowSecurity: false,
    ...changes,
  };
}
