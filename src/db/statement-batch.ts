/** One of several statements that are sent together. */
export interface BatchStatement {
  readonly text: string;
  /** The parameters as texts. */
  readonly values?: readonly string[];
  /** What follows a `copy … from stdin`, in its text format, cut anywhere. */
  readonly copyData?: readonly string[];
}

/** What came of statements that were sent together: those from `counts.length` on were not done. */
export interface BatchOutcome {
  /** The number of rows that each statement touched, of those that were done. */
  readonly counts: readonly number[];
  /** Why the next one was not done; undefined when all were. */
  readonly error: unknown;
}

/** The messages that `pg` sends for us; its own queries and pg-cursor use the same calls. */
export interface Wire {
  readonly stream: { cork?(): void; uncork?(): void };
  parse(message: { text: string }): void;
  bind(message: { values: readonly string[] }): void;
  execute(message: object): void;
  sync(): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

const ROW_COUNT = / (\d+)$/;

/**
 * A query of `pg` that sends many statements in one go and waits once: the server does one after the other, and none after one
 * that fails. Each wait costs more than a round trip here, as whatever else this program does comes in between.
 */
export class StatementBatch {
  readonly #statements: readonly BatchStatement[];
  readonly #settle: (outcome: BatchOutcome) => void;
  readonly #counts: number[] = [];
  #isSent = false;
  #isOver = false;
  /** `pg` looks at these two of every query. */
  readonly name = '';
  readonly text: string;

  constructor(statements: readonly BatchStatement[], settle: (outcome: BatchOutcome) => void) {
    this.#statements = statements;
    this.#settle = settle;
    this.text = statements[0]?.text ?? '';
  }

  /** True when the server has got it or gets it before anything that is sent now, and has not answered to the end. */
  get isUnderWay(): boolean {
    return this.#isSent && !this.#isOver;
  }

  submit(wire: Wire): undefined {
    if (!this.#isSent) this.send(wire);
  }

  /**
   * Sends it before its turn, for the server to go on with it without a pause. Only while the query before it is a batch that is
   * under way, and with nothing else between the two.
   */
  send(wire: Wire): void {
    this.#isSent = true;
    wire.stream.cork?.();
    for (const { text, values = [], copyData } of this.#statements) {
      wire.parse({ text });
      wire.bind({ values });
      wire.execute({});
      if (copyData === undefined) continue;
      // No need to wait until the server asks for it: what comes after a COPY that failed is thrown away there.
      for (const piece of copyData) wire.sendCopyFromChunk(Buffer.from(piece));
      wire.endCopyFrom();
    }
    wire.sync();
    wire.stream.uncork?.();
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#counts.push(Number(ROW_COUNT.exec(text)?.[1] ?? 0));
  }

  handleError(error: unknown): void {
    this.#isOver = true;
    this.#settle({ counts: this.#counts, error });
  }

  handleReadyForQuery(): void {
    this.#isOver = true;
    this.#settle({ counts: this.#counts, error: undefined });
  }

  /** Rows are only counted. */
  handleDataRow(): void {}
  handleRowDescription(): void {}
  handleCopyInResponse(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
}
