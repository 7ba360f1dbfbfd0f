import type { ReplicateConfig } from '../config/replicate-config.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { ArgumentSpec } from './command.js';

/** What the create commands take: on the command line, else from the ini file. */
export const CREATE_ARGUMENTS: readonly ArgumentSpec[] = [
  { name: 'name', summary: 'Name of the node; by default node_name of the ini file.' },
  {
    name: 'connstr',
    summary:
      'Connect string under which other nodes reach it; by default public_node_location of the ini file.',
  },
];

export interface NewNode {
  readonly nodeName: string;
  readonly publicLocation: string;
}

/** The new node's name and public connect string. Throws PC100 naming what is missing. */
export function newNode(config: ReplicateConfig, args: readonly string[]): NewNode {
  const nodeName = args[0] ?? config.nodeName;
  const publicLocation = args[1] ?? config.publicNodeLocation;
  if (nodeName === undefined) {
    throw new ReplicateError('PC100', 'No node name was given, nor node_name in the ini file.');
  }
  if (publicLocation === undefined) {
    throw new ReplicateError(
      'PC100',
      'No public connect string was given, nor public_node_location in the ini file.',
    );
  }
  return { nodeName, publicLocation };
}
