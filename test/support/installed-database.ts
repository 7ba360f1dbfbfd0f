import { installSchemas } from '../../src/install/install-schemas.js';
import { loadSchemaFiles, type SchemaName } from '../../src/install/schema-files.js';
import { findSqlRoot } from '../../src/install/sql-root.js';
import { type Cluster, type FreshDatabase, freshDatabaseOn, sharedCluster } from './cluster.js';

/** Per server, the databases that are copied: which schemas → the database's name. */
const templates = new WeakMap<Cluster, Map<string, Promise<string>>>();

/**
 * Makes a database on the shared server of this major version in which our schemas (without `schemas`, all of them) are
 * installed, for tests whose subject is not the install: it is copied from one, which takes a tenth of the time. Disposing drops it.
 */
export async function installedDatabase(
  major: number,
  prefix = 'test',
  schemas?: readonly SchemaName[],
  encoding = 'UTF8',
): Promise<FreshDatabase> {
  const cluster = await sharedCluster(major);
  return freshDatabaseOn(cluster, prefix, await template(cluster, schemas, encoding), encoding);
}

function template(
  cluster: Cluster,
  schemas: readonly SchemaName[] | undefined,
  encoding: string,
): Promise<string> {
  const ofServer = templates.get(cluster) ?? new Map<string, Promise<string>>();
  templates.set(cluster, ofServer);
  if (schemas === undefined && encoding === 'UTF8' && cluster.installedDatabase !== undefined) {
    return Promise.resolve(cluster.installedDatabase);
  }
  const name = ['installed', ...(schemas ?? ['all']), encoding].join('_').toLowerCase();
  const made = ofServer.get(name) ?? makeTemplate(cluster, name, schemas, encoding);
  ofServer.set(name, made);
  return made;
}

async function makeTemplate(
  cluster: Cluster,
  name: string,
  wanted: readonly SchemaName[] | undefined,
  encoding: string,
): Promise<string> {
  await cluster.createDatabase(name, encoding);
  await using session = await cluster.connect(name);
  const schemas = loadSchemaFiles(findSqlRoot());
  await installSchemas(session, {
    schemas: schemas.filter(({ schema }) => wanted?.includes(schema) ?? true),
  });
  return name;
}
