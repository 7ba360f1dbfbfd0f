import type { CopyProgress } from '../copy/copy-table.js';
import type { Connection } from '../db/connection.js';
import type { Logger } from '../runtime/log.js';

const PERIOD_MS = 500;

/**
 * Shows the progress of the copies in pgcascade.copy_progress: each change of phase at once, the counts twice a
 * second. A courtesy to `wait-sync` and `status`: nothing depends on it, so an error is logged and forgotten.
 */
export class ProgressWriter {
  readonly #queueName: string;
  readonly #connect: () => Promise<Connection>;
  readonly #log: Logger;
  readonly #waiting = new Map<string, CopyProgress>();
  readonly #phases = new Map<string, CopyProgress['phase']>();
  #connection: Connection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(queueName: string, connect: () => Promise<Connection>, log: Logger) {
    this.#queueName = queueName;
    this.#connect = connect;
    this.#log = log;
  }

  /** Notes how far a copy is. */
  report(tableName: string, progress: CopyProgress): void {
    this.#waiting.set(tableName, progress);
    const isNewPhase = this.#phases.get(tableName) !== progress.phase;
    this.#phases.set(tableName, progress.phase);
    if (isNewPhase) {
      clearTimeout(this.#timer);
      // Tables that are copied together report together.
      this.#timer = setTimeout(() => this.#flush(), 0);
    } else {
      this.#timer ??= setTimeout(() => this.#flush(), PERIOD_MS);
    }
  }

  /** Notes that a copy has reached a phase whose counts are known already. */
  reportPhase(tableName: string, phase: CopyProgress['phase']): void {
    const last = this.#waiting.get(tableName);
    const zero = { bytesDone: -1, rowsDone: -1, rowsExpected: -1, bytesExpected: -1 };
    this.report(tableName, { ...(last ?? zero), phase });
  }

  /** Writes what is noted and ends the session. */
  async close(): Promise<void> {
    this.#flush();
    await this.#writing;
    await this.#connection?.close();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const entries = [...this.#waiting];
    this.#waiting.clear();
    if (entries.length === 0) return;
    this.#writing = this.#writing.then(() => this.#write(entries));
  }

  async #write(entries: readonly [string, CopyProgress][]): Promise<void> {
    try {
      if (this.#connection?.isOpen !== true) this.#connection = await this.#connect();
      const column = (of: (entry: CopyProgress) => unknown) => entries.map(([, progress]) => of(progress));
      await this.#connection.query(
        `select pgcascade.report_copy($1, t.name, t.phase, t.bytes, t.rows, t.all_rows, t.all_bytes)
           from unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
                as t(name, phase, bytes, rows, all_rows, all_bytes)`,
        [
          this.#queueName,
          entries.map(([tableName]) => tableName),
          column(({ phase }) => phase),
          column(({ bytesDone }) => bytesDone),
          column(({ rowsDone }) => rowsDone),
          column(({ rowsExpected }) => rowsExpected),
          column(({ bytesExpected }) => bytesExpected),
        ],
      );
    } catch (error) {
      this.#log.debug({ err: error }, 'Progress of copies cannot be written');
    }
  }
}
