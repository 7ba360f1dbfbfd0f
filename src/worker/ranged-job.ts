import type { CopyFormat } from '../copy/copy-format.js';
import type { DestKey } from '../copy/dest-key.js';
import type { PagedTable } from '../copy/page-ranges.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { BoundHandler } from '../handlers/registry.js';
import type { TickId } from '../queue/ids.js';
import type { CopyDataPorts, ProviderSide } from './copy-job.js';
import type { RegisteredTable } from './table-registry.js';

/** One table that is copied in ranges of its pages. */
export interface RangedJob {
  readonly ports: CopyDataPorts;
  readonly table: RegisteredTable;
  readonly handler: BoundHandler;
  readonly sides: ProviderSide;
  /** Session on the subscriber. */
  readonly writer: Connection;
  /** Opens one more session, which ends with the copy. */
  readonly openReader: () => Promise<Connection>;
  readonly openWriter: () => Promise<Connection>;
}

/** What is known when the copy's snapshot is there. */
export interface RangedSnapshot {
  readonly tick: TickId;
  /** Scripts that had run here before it was taken. */
  readonly scriptsBefore: ReadonlySet<string>;
  readonly paged: PagedTable;
  readonly columns: readonly string[];
  readonly format: CopyFormat;
  readonly destKey: DestKey;
  readonly rowsExpected: number;
  readonly bytesExpected: number;
}

/** What was begun cannot be gone on with. */
export function notAsItWas(table: RegisteredTable): ReplicateError {
  return new ReplicateError(
    'PC502',
    `Table ${table.tableName} is not on the provider as it was when its copy began: the copy begins anew.`,
    { table: table.tableName },
  );
}
