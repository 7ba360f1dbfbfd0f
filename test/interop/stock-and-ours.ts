import { openConnection } from '../../src/db/connect.js';
import type { Connection } from '../../src/db/connection.js';
import { installSchemas } from '../../src/install/install-schemas.js';
import { loadSchemaFiles } from '../../src/install/schema-files.js';
import { findSqlRoot } from '../../src/install/sql-root.js';
import { startStockServer } from '../support/stock-server.js';

/** One stock server with two databases: the stock extension in one, our schema in the other. */
export interface StockAndOurs extends AsyncDisposable {
  readonly stock: Connection;
  readonly ours: Connection;
  /** One more session with one of them; the caller closes it. */
  open(database: 'stock' | 'ours'): Promise<Connection>;
}

/** What a statement answered: its rows, or the message of its error. */
export type Answer = readonly unknown[] | string;

export async function openStockAndOurs(): Promise<StockAndOurs> {
  const server = await startStockServer();
  const connections: Connection[] = [];
  const open = async (database: string) => {
    const parameters = { host: '127.0.0.1', port: server.port, database, user: 'postgres' };
    const connection = await openConnection(parameters, { application: 'test' });
    await connection.execute('reset all');
    return connection;
  };
  const keep = async (database: string) => {
    const connection = await open(database);
    connections.push(connection);
    return connection;
  };
  try {
    const first = await keep('postgres');
    await first.execute('create database stock template template0');
    await first.execute('create database ours template template0');
    const stock = await keep('stock');
    const ours = await keep('ours');
    await stock.execute('create extension pgq');
    await installSchemas(ours, {
      schemas: loadSchemaFiles(findSqlRoot()).filter(({ schema }) => schema === 'pgq'),
    });
    return {
      stock,
      ours,
      open,
      [Symbol.asyncDispose]: async () => {
        await Promise.all(connections.map((connection) => connection.close()));
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Runs a statement; never throws for an error of the server. */
export async function answerOf(connection: Connection, sql: string): Promise<Answer> {
  try {
    return await connection.query(sql);
  } catch (error) {
    // Errors of PgQ's C code have the SQLSTATE of an internal error; ours have P0001 or better.
    return (error as Error).message;
  }
}
