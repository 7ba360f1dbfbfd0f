/** Where a command prints its result: the one way to the terminal. */
export interface Output {
  /** Prints one line. */
  print(line: string): void;
  /** Prints text as it is, without a line end: progress displays. */
  raw(text: string): void;
  /** True when a person looks on: colours and progress displays are of use. */
  readonly isTerminal: boolean;
  /** Width of the terminal. */
  readonly columns: number;
}

const COLUMNS_WITHOUT_TERMINAL = 120;

/** The output of a program: its standard output. */
export function createOutput(stream: NodeJS.WriteStream): Output {
  return {
    print: (line) => void stream.write(`${line}\n`),
    raw: (text) => void stream.write(text),
    isTerminal: stream.isTTY === true,
    get columns() {
      return stream.columns ?? COLUMNS_WITHOUT_TERMINAL;
    },
  };
}
