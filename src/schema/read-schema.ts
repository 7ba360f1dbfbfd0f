import type { Connection, Row } from '../db/connection.js';
import { openCatalogReader } from './catalog-reader.js';
import type { DatabaseObject, DatabaseSchema } from './database-object.js';
import { readDatabaseParts, readUnsupported } from './read-database-parts.js';
import { readMemberRights } from './read-member-rights.js';
import { readNeeds } from './read-needs.js';
import { readRelations } from './read-relations.js';
import { readRoutines } from './read-routines.js';
import { readInheritedParts, readTableParts } from './read-table-parts.js';
import { readTypes } from './read-types.js';

/**
 * Reads a database's objects from its catalog, as of one moment: those of the users, without ours, the server's own and those of extensions.
 *
 * With `tables` (Londiste names) only these tables, their parents and their partitions are read, no views, and everything
 * else that tables can need. Reads only.
 */
export async function readSchema(
  connection: Connection,
  tables?: readonly string[],
): Promise<DatabaseSchema> {
  return connection.transaction(async (tx) => {
    const relations = tables === undefined ? null : await readTrees(tx, tables);
    const reader = await openCatalogReader(tx, relations);
    const objects: DatabaseObject[] = [
      ...(await readDatabaseParts(reader)),
      ...(await readTypes(reader)),
      ...(await readRoutines(reader)),
      ...(await readRelations(reader)),
      ...(await readTableParts(reader)),
      ...(await readMemberRights(reader)),
      ...(relations === null ? await readUnsupported(reader) : []),
    ];
    // Whole, a database has the parents too.
    const inherited = relations === null ? [] : await readInheritedParts(reader);
    return {
      serverVersion: connection.serverVersion,
      objects,
      inherited,
      needs: await readNeeds(reader, [...objects, ...inherited]),
    };
  }, 'begin isolation level repeatable read read only');
}

/** Oids of the tables, of all that is above them and of all that is below them. */
async function readTrees(tx: Connection, tables: readonly string[]): Promise<number[]> {
  const rows = await tx.query<Row & { oid: number }>(
    `with recursive named as (
       select c.oid from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
        where n.nspname || '.' || c.relname = any ($1)
     ), above as (
       select n.oid from named as n union select i.inhparent from above as a join pg_inherits as i on i.inhrelid = a.oid
     ), below as (
       select n.oid from named as n union select i.inhrelid from below as b join pg_inherits as i on i.inhparent = b.oid
     )
     select oid from above union select oid from below`,
    [tables],
  );
  return rows.map(({ oid }) => oid);
}
