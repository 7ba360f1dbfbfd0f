import { installSchemas } from '../../src/install/install-schemas.js';
import { type Cluster, type FreshDatabase, freshDatabaseOn } from '../support/cluster.js';
import { startStockCluster } from '../support/stock-server.js';
import { prepareLoad } from './event-load.js';

let started: Promise<Cluster> | undefined;

/**
 * A database of the stock server that the tests of a file share, with the stock extension and queue `q` of a load, and with our
 * other schemas when they are asked for. Debian packages neither pgq_ext nor pgq_coop: those are always ours.
 */
export async function openStockQueue(options: { readonly withOurs?: boolean } = {}): Promise<FreshDatabase> {
  started ??= startStockCluster();
  const database = await freshDatabaseOn(await started, 'stock');
  await database.query('create extension pgq');
  if (options.withOurs === true) {
    await using session = await database.connect();
    await installSchemas(session);
  }
  await prepareLoad(database);
  return database;
}

/** Ends the shared server, when there is one. */
export async function stopStockServer(): Promise<void> {
  await (await started)?.stop();
  started = undefined;
}

/** The same queue, no longer an extension: as PgQ was installed before there were extensions. */
export async function unpackage(database: FreshDatabase): Promise<void> {
  await database.query(`
    do $$
    declare v_object record;
    begin
      for v_object in
        select i.type, i.identity
          from pg_depend as d
          join pg_extension as e on e.oid = d.refobjid and e.extname = 'pgq'
         cross join lateral pg_identify_object(d.classid, d.objid, d.objsubid) as i
         where d.refclassid = 'pg_extension'::regclass and d.deptype = 'e'
      loop
        execute format('alter extension pgq drop %s %s', v_object.type, v_object.identity);
      end loop;
    end $$`);
  await database.query('drop extension pgq');
}
