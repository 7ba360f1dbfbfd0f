import { createCapture, dropCapture } from '../capture/create-capture.js';
import { createDenyTrigger, dropDenyTrigger } from '../capture/deny-trigger.js';
import type { NodeInfo } from '../cascade/node-info.js';
import type { ReplicateConfig } from '../config/replicate-config.js';
import type { Connection } from '../db/connection.js';
import type { TableTriggers } from '../replica/add-table.js';

/** The triggers that a replicated table gets on this node: a leaf is closed to writers, the others are captured. */
export function nodeTriggers(connection: Connection, node: NodeInfo, config: ReplicateConfig): TableTriggers {
  const { queueName, lockTimeoutMs } = config;
  const isLeaf = node.nodeType === 'leaf';
  return {
    async create(tableName, destTable) {
      const create = isLeaf ? createDenyTrigger : createCapture;
      await create(connection, { queueName, tableName, destTable, lockTimeoutMs });
    },
    async drop(tableName, destTable) {
      const drop = isLeaf ? dropDenyTrigger : dropCapture;
      await drop(connection, { queueName, tableName, destTable, lockTimeoutMs });
    },
  };
}
