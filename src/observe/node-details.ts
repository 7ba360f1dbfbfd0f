import { callRoutine } from '../cascade/call-api.js';
import { type NodeInfo, requireNode } from '../cascade/node-info.js';
import { readSubscribers, type Subscriber } from '../cascade/subscriber.js';
import type { Connection } from '../db/connection.js';
import { describeConninfo } from '../db/conninfo.js';
import { readSequences } from '../replica/sequence-list.js';

/** The queue of a root or branch, as its own database has it. */
export interface QueueDetails {
  readonly tableCount: number;
  readonly currentTable: number;
  readonly rotationPeriod: string;
  readonly secondsSinceRotation: number;
  readonly tickerPaused: boolean;
  /** False on a branch, and on a root that a takeover has closed. */
  readonly takesEvents: boolean;
}

/** What a database knows of its own node, without asking any other. */
export interface NodeDetails {
  readonly name: string;
  readonly type: NodeInfo['nodeType'];
  readonly queueName: string;
  readonly database: string;
  /** Null on a root. The connect string is shown without its password. */
  readonly provider: { readonly name: string; readonly location: string | null } | null;
  readonly workerName: string;
  readonly isPaused: boolean;
  /** The worker has seen the last change that an admin command made to its state. */
  readonly hasSeenState: boolean;
  readonly tick: bigint;
  readonly localWatermark: bigint | null;
  readonly globalWatermark: bigint | null;
  readonly combinedQueue: string | null;
  readonly attributes: string | null;
  readonly subscribers: readonly Subscriber[];
  readonly sequences: { readonly here: number; readonly notHere: number };
  /** Null on a leaf. */
  readonly queue: QueueDetails | null;
}

/** Reads what this database knows of its own node. Changes nothing. Throws PC300 when there is none. */
export async function readNodeDetails(connection: Connection, queueName: string): Promise<NodeDetails> {
  const node = await requireNode(connection, queueName);
  const isLeaf = node.nodeType === 'leaf';
  const sequences = await readSequences(connection, queueName);
  const here = sequences.filter(({ isLocal }) => isLocal).length;
  const [attributes] = await callRoutine<{ attrs: string | null }>(
    connection,
    'select node_attrs as attrs from pgq_node.get_node_info($1)',
    [queueName],
  );
  return {
    name: node.nodeName,
    type: node.nodeType,
    queueName,
    database: connection.target,
    provider:
      node.nodeType === 'root'
        ? null
        : {
            name: node.providerNode,
            location: node.providerLocation === null ? null : describeConninfo(node.providerLocation),
          },
    workerName: node.workerName,
    isPaused: node.isPaused,
    hasSeenState: node.isUpToDate,
    tick: node.lastTick,
    localWatermark: node.localWatermark,
    globalWatermark: node.globalWatermark,
    combinedQueue: node.combinedQueue,
    attributes: attributes?.attrs ?? null,
    subscribers: isLeaf ? [] : await readSubscribers(connection, queueName),
    sequences: { here, notHere: sequences.length - here },
    queue: isLeaf ? null : await readQueue(connection, queueName),
  };
}

async function readQueue(connection: Connection, queueName: string): Promise<QueueDetails | null> {
  const [row] = await callRoutine<{
    tables: number;
    current: number;
    period: string;
    rotated: number;
    paused: boolean;
    open: boolean;
  }>(
    connection,
    `select i.queue_ntables as tables, i.queue_cur_table as current, i.queue_rotation_period::text as period,
            greatest(0, extract(epoch from clock_timestamp() - i.queue_switch_time)::float8) as rotated,
            i.queue_ticker_paused as paused, not q.queue_disable_insert as open
       from pgq.get_queue_info($1) as i
       join pgq.queue as q on q.queue_name = i.queue_name`,
    [queueName],
  );
  if (row === undefined) return null;
  return {
    tableCount: row.tables,
    currentTable: row.current,
    rotationPeriod: row.period,
    secondsSinceRotation: row.rotated,
    tickerPaused: row.paused,
    takesEvents: row.open,
  };
}

/** The details as lines for a person. */
export function detailLines(node: NodeDetails): string[] {
  const { queue } = node;
  const states = [
    node.isPaused ? 'PAUSED' : undefined,
    node.hasSeenState ? undefined : 'has not seen the last change of its state',
  ].filter((state) => state !== undefined);
  return [
    `Node: ${node.name} (${node.type}) of queue ${node.queueName}`,
    `Database: ${node.database}`,
    ...(node.provider === null
      ? []
      : [`Provider: ${node.provider.name}, at ${node.provider.location ?? 'a place that is not known'}`]),
    `Worker: ${[node.workerName, ...states].join(', ')}`,
    `Tick: ${node.tick}, local watermark ${node.localWatermark ?? 'none'}` +
      (node.globalWatermark === null ? '' : `, global watermark ${node.globalWatermark}`),
    `Sequences: ${node.sequences.here} here, ${node.sequences.notHere} not here`,
    ...(queue === null
      ? []
      : [
          `Queue: table ${queue.currentTable} of ${queue.tableCount}, rotated ${Math.round(queue.secondsSinceRotation)} s ago ` +
            `(every ${queue.rotationPeriod}), ${queue.takesEvents ? 'takes events' : 'takes events from its worker only'}` +
            (queue.tickerPaused ? ', TICKER PAUSED' : ''),
        ]),
    ...(node.combinedQueue === null ? [] : [`Merged into: ${node.combinedQueue}`]),
    ...(node.attributes === null ? [] : [`Attributes: ${node.attributes}`]),
    ...node.subscribers.map(
      ({ nodeName, workerName, watermark }) =>
        `Subscriber: ${nodeName}, worker ${workerName}, watermark ${watermark ?? 'none'}`,
    ),
  ];
}
