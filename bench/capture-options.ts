/** What one run of the bench is to do. */
export interface CaptureOptions {
  readonly rounds: number;
  /** Few rows and seconds: shows that the bench works, not what capture costs. */
  readonly isQuick: boolean;
  /** A Markdown table of each part at the end. */
  readonly isMarkdown: boolean;
  readonly parts: readonly Part[];
  /** Rows of the bulk operations. */
  readonly rows: number;
  /** Seconds of each run of pgbench. */
  readonly seconds: number;
  /** Scale of TPC-B. */
  readonly scale: number;
}

export const PARTS = ['bulk', 'transactions', 'tpcb', 'shapes', 'pieces'] as const;
export type Part = (typeof PARTS)[number];

const SWITCHES = ['quick', 'markdown'] as const;

/**
 * Reads the words of `npm run bench:capture`: the number of rounds, `quick`, `markdown`, and the parts to run (all when
 * none is named). npm takes words that begin with `--` for its own and puts them into the environment: they count too.
 *
 * Throws for a word that it does not know.
 */
export function readOptions(words: readonly string[], environment: NodeJS.ProcessEnv): CaptureOptions {
  const given = new Set<string>(SWITCHES.filter((name) => environment[`npm_config_${name}`] === 'true'));
  let rounds = 5;
  for (const word of words.map((each) => each.replace(/^--/, ''))) {
    if (/^[1-9][0-9]*$/.test(word)) rounds = Number(word);
    else if ([...SWITCHES, ...PARTS].some((known) => known === word)) given.add(word);
    else throw new Error(`"${word}" is not a number of rounds, ${[...SWITCHES, ...PARTS].join(', ')}.`);
  }
  const isQuick = given.has('quick');
  const parts = PARTS.filter((part) => given.has(part));
  return {
    rounds,
    isQuick,
    isMarkdown: given.has('markdown'),
    parts: parts.length > 0 ? parts : PARTS,
    rows: isQuick ? 20_000 : 200_000,
    seconds: isQuick ? 2 : 8,
    scale: isQuick ? 5 : 20,
  };
}
