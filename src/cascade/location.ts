import type { Connection } from '../db/connection.js';
import { callApi, callRoutine } from './call-api.js';

/** Where a member of the cascade is reached. Every node knows every member. */
export interface NodeLocation {
  readonly nodeName: string;
  /** A connect string, possibly with a password: never printed as it is. */
  readonly location: string;
  /** Marked as gone by an operator. */
  readonly isDead: boolean;
}

interface LocationRow extends Record<string, unknown> {
  readonly node_name: string;
  readonly node_location: string;
  readonly dead: boolean;
}

/** All members that this database knows of, by name. */
export async function readLocations(connection: Connection, queueName: string): Promise<NodeLocation[]> {
  const rows = await callRoutine<LocationRow>(
    connection,
    'select node_name, node_location, dead from pgq_node.get_queue_locations($1) order by node_name',
    [queueName],
  );
  return rows.map((row) => ({
    nodeName: row.node_name,
    location: row.node_location,
    isDead: row.dead,
  }));
}

/** Makes a member known to this database; on a root all other nodes hear of it by the queue. May be repeated. */
export async function registerLocation(
  connection: Connection,
  queueName: string,
  { nodeName, location, isDead }: NodeLocation,
): Promise<void> {
  await callApi(connection, 'pgq_node.register_location', [queueName, nodeName, location, isDead]);
}
