import type { Connection } from '../db/connection.js';
import { type NodeLocation, readLocations, registerLocation } from './location.js';

export interface RenamedNode {
  readonly oldName: string;
  readonly newName: string;
  readonly location: NodeLocation['location'];
}

/**
 * Puts a node's new name into the tables of one member, wherever the old one stands, in one transaction; the old
 * location stays. Positions do not change. The routines of pgq_node cannot do this, so the tables are written: that
 * works on nodes of Londiste too. May be repeated; false when the member knew all of it.
 */
export async function renameOnMember(
  connection: Connection,
  queueName: string,
  renamed: RenamedNode,
): Promise<boolean> {
  const { oldName, newName, location } = renamed;
  return connection.transaction(async (tx) => {
    let changes = 0;
    const locations = await readLocations(tx, queueName);
    if (!locations.some(({ nodeName }) => nodeName === newName)) {
      await registerLocation(tx, queueName, { nodeName: newName, location, isDead: false });
      changes++;
    }
    if (await renameSubscriber(tx, queueName, renamed)) changes++;
    changes += await tx.execute(
      'update pgq_node.node_info set node_name = $3 where queue_name = $1 and node_name = $2',
      [queueName, oldName, newName],
    );
    changes += await tx.execute(
      'update pgq_node.local_state set provider_node = $3 where queue_name = $1 and provider_node = $2',
      [queueName, oldName, newName],
    );
    changes += await renameInAttributes(tx, queueName, renamed);
    if (changes > 0) await tx.query("select pg_notify('pgcascade_tables', $1)", [queueName]);
    return changes > 0;
  });
}

export function watermarkName(nodeName: string): string {
  return `.${nodeName}.watermark`;
}

/** Takes a watermark away that belongs to no subscriber: one that was moved while its node was renamed. */
export async function forgetWatermark(
  connection: Connection,
  queueName: string,
  nodeName: string,
): Promise<void> {
  await connection.query(
    `select pgq.unregister_consumer($1, consumer_name)
       from pgq.get_consumer_info($1, $2)
      where not exists (
            select from pgq_node.subscriber_info as s where s.queue_name = $1 and s.watermark_name = $2
      )`,
    [queueName, watermarkName(nodeName)],
  );
}

/** The worker's registration carries the worker's name and stays as it is; the watermark is one of the new name. */
async function renameSubscriber(
  tx: Connection,
  queueName: string,
  { oldName, newName }: RenamedNode,
): Promise<boolean> {
  const [subscriber] = await tx.query<{ watermark_name: string }>(
    `select watermark_name from pgq_node.subscriber_info
      where queue_name = $1 and subscriber_node = $2
        for update`,
    [queueName, oldName],
  );
  if (subscriber === undefined) return false;
  await tx.query('select pgq.register_consumer_at($1, $3, last_tick) from pgq.get_consumer_info($1, $2)', [
    queueName,
    subscriber.watermark_name,
    watermarkName(newName),
  ]);
  await tx.query(
    `update pgq_node.subscriber_info set subscriber_node = $3, watermark_name = $4
      where queue_name = $1 and subscriber_node = $2`,
    [queueName, oldName, newName, watermarkName(newName)],
  );
  await tx.query('select pgq.unregister_consumer($1, $2)', [queueName, subscriber.watermark_name]);
  return true;
}

/** Attributes that name nodes: sync_watermark of a node, copy_node of a table; and the record of a dropped consumer. */
async function renameInAttributes(tx: Connection, queueName: string, renamed: RenamedNode): Promise<number> {
  let changes = 0;
  for (const [table, column, key] of [
    ['pgq_node.node_info', 'node_attrs', 'sync_watermark'],
    ['londiste.table_info', 'table_attrs', 'copy_node'],
  ] as const) {
    if (!(await exists(tx, table))) continue;
    const rows = await tx.query<{ attrs: string }>(
      `select distinct ${column} as attrs from ${table} where queue_name = $1 and strpos(${column}, $2) > 0`,
      [queueName, `${key}=`],
    );
    for (const { attrs } of rows) {
      const text = renameAttribute(attrs, key, renamed);
      if (text === attrs) continue;
      changes += await tx.execute(
        `update ${table} set ${column} = $3 where queue_name = $1 and ${column} = $2`,
        [queueName, attrs, text],
      );
    }
  }
  if (await exists(tx, 'pgcascade.dropped_consumer')) {
    changes += await tx.execute(
      'update pgcascade.dropped_consumer set node_name = $3 where queue_name = $1 and node_name = $2',
      [queueName, renamed.oldName, renamed.newName],
    );
  }
  return changes;
}

async function exists(tx: Connection, table: string): Promise<boolean> {
  const { found } = await tx.one<{ found: boolean }>('select to_regclass($1) is not null as found', [table]);
  return found;
}

/** The URL-encoded attributes with another name in the comma-separated list of one key. Pure. */
export function renameAttribute(
  attrs: string,
  key: string,
  { oldName, newName }: Pick<RenamedNode, 'oldName' | 'newName'>,
): string {
  return attrs
    .split('&')
    .map((pair) => {
      const at = pair.indexOf('=');
      if (at < 0 || pair.slice(0, at) !== key) return pair;
      const names = decodeURIComponent(pair.slice(at + 1).replaceAll('+', ' ')).split(',');
      if (!names.includes(oldName)) return pair;
      return `${key}=${encodeURIComponent(names.map((name) => (name === oldName ? newName : name)).join(','))}`;
    })
    .join('&');
}
