import type { ReplicateConfig } from '../config/replicate-config.js';
import type { HandlerSettings } from '../handlers/contract.js';

/** What the ini file tells the handlers of the node's tables. */
export function handlerSettings(config: ReplicateConfig): HandlerSettings {
  return {
    obfuscatorKey: config.obfuscatorKey,
    shardInfoSql: config.shardInfoSql,
    shardHashFunc: config.shardHashFunc,
  };
}
